"""Settings of the login library, as constants that the project's settings take over.

Signing up, changing mail and removing a second factor are closed on the library's side: they are acts of this app.
"""

LOGIN_SETTINGS: dict[str, object] = {
    "AUTHENTICATION_BACKENDS": ["quarterdeck.personnel.web_login.SealedAccountBackend"],
    "LOGIN_URL": "account_login",
    "LOGIN_REDIRECT_URL": "/",
    "ACCOUNT_ADAPTER": "quarterdeck.personnel.web_login.AccountAdapter",
    "ACCOUNT_LOGIN_METHODS": {"email"},
    "ACCOUNT_SIGNUP_FIELDS": ["email*", "password1*", "password2*"],
    "ACCOUNT_USER_MODEL_USERNAME_FIELD": None,
    "ACCOUNT_USER_MODEL_EMAIL_FIELD": "email",
    "ACCOUNT_UNIQUE_EMAIL": True,
    # The address is confirmed by the person who hands over the enrolment code, not by a mail from this server.
    "ACCOUNT_EMAIL_VERIFICATION": "none",
    "ACCOUNT_EMAIL_NOTIFICATIONS": False,
    "ACCOUNT_EMAIL_SUBJECT_PREFIX": "[Quarterdeck] ",
    "ACCOUNT_SESSION_REMEMBER": False,
    "ACCOUNT_LOGOUT_REDIRECT_URL": "/",
    "ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE": True,
    "ACCOUNT_REAUTHENTICATION_TIMEOUT": 600,
    "ACCOUNT_RATE_LIMITS": {"login": "30/m/ip", "login_failed": "20/m/ip,5/5m/key"},
    "ACCOUNT_FORMS": {"login": "quarterdeck.personnel.web_login.PasswordForm"},
    "MFA_ADAPTER": "quarterdeck.personnel.web_login.FactorAdapter",
    "MFA_FORMS": {
        "authenticate": "quarterdeck.personnel.web_login.SecondFactorForm",
        "reauthenticate": "quarterdeck.personnel.web_login.StepUpForm",
    },
    "MFA_SUPPORTED_TYPES": ["totp", "recovery_codes"],
    "MFA_TOTP_ISSUER": "Quarterdeck",
    "MFA_TOTP_TOLERANCE": 1,
    "MFA_RECOVERY_CODES_SHOW_ONCE": True,
    "MFA_TRUST_ENABLED": False,
    "CACHES": {
        "default": {
            "BACKEND": "quarterdeck.personnel.plain_cache.PlainCache",
            "LOCATION": "web_cache",
            # Counters of failed logins live here: an attacker must not be able to push them out with other names.
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    },
}
