"""The pages: parse a form, call one workflow or api verb, show its answer. No rule of the business lives here."""
