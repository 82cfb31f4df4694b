"""The ticker: the process that notices that time has passed, once a second, and triggers what is due."""
