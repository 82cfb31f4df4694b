"""People: roles, deputies, authorisations, vendor agreements, logins and second factors."""
