"""Django's settings, derived from the typed configuration; no knob is defined here."""

import os
import secrets
import sys
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from quarterdeck.config.api import WrongSettings, load
from quarterdeck.personnel.login_settings import LOGIN_SETTINGS

try:
    CONFIG = load()
except WrongSettings as error:
    # Every process with a database begins here: a sentence instead of a traceback.
    sys.exit(f"quarterdeck: {error}")
PACKAGE = Path(__file__).resolve().parent
WEB = PACKAGE / "entrypoints" / "web"


def _kept_secret(path: Path) -> str:
    """Return the secret of `path`; a fresh one, not kept, before `qd init` made the file."""
    return path.read_text().strip() if path.is_file() else secrets.token_urlsafe(48)


def _postgresql(parts: SplitResult) -> dict[str, object]:
    """Return the settings for postgresql://user@host:port/name?sslmode=...; what follows "?" goes to libpq.

    A host that begins with a slash (%2F...) is the folder of a Unix socket. `pool=8` keeps up to eight connections.
    """
    options: dict[str, object] = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if "pool" in options:
        options["pool"] = {"min_size": 1, "max_size": int(str(options["pool"]))}
    host, _, port = parts.netloc.rpartition("@")[2].partition(":") if "%2f" in parts.netloc.lower() else ("", "", "")
    return {
        "ENGINE": "quarterdeck.evidence.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        # urlsplit lower-cases a host name, which a path would not survive.
        "HOST": unquote(host) or parts.hostname or "",
        "PORT": port or str(parts.port or ""),
        "OPTIONS": options,
    }


def _database(url: str) -> dict[str, object]:
    """Return Django's connection settings for a sqlite: or postgresql: URL."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "quarterdeck.evidence.backends.sqlite",
            "NAME": unquote(parts.path),
            # FULL: an acknowledged ledger entry survives a power cut (evidence.md, trap 12).
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;"
                "PRAGMA temp_store=MEMORY;PRAGMA cache_size=-20000;PRAGMA journal_size_limit=67108864;",
            },
        }
    if parts.scheme in {"postgresql", "postgres"}:
        return _postgresql(parts)
    raise ValueError(f"QD_DATABASE_URL starts with {parts.scheme!r}; write sqlite:///path or postgresql://...")


DEBUG = CONFIG.debug
SECRET_KEY = _kept_secret(CONFIG.secret_key_file)
_PUBLIC = urlsplit(CONFIG.base_url)
ALLOWED_HOSTS = sorted({"127.0.0.1", "localhost", "[::1]", "testserver", _PUBLIC.hostname or "localhost"})
CSRF_TRUSTED_ORIGINS = [f"{_PUBLIC.scheme}://{_PUBLIC.netloc}"]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "quarterdeck.urls"
ASGI_APPLICATION = "quarterdeck.asgi.application"
DATABASES = {"default": _database(os.environ.get("QD_TEST_DATABASE_URL") or CONFIG.database)}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "csp",
    "quarterdeck.evidence",
    "quarterdeck.inventory",
    "quarterdeck.personnel",
    "quarterdeck.tools",
    "quarterdeck.tickets",
    "quarterdeck.access",
    "quarterdeck.sessions",
    "quarterdeck.baselines",
    "quarterdeck.backups",
    "quarterdeck.runs",
    "quarterdeck.activity",
    "quarterdeck.attachments",
    "quarterdeck.assessor",
]
INSTALLED_APPS = [
    app
    for app in INSTALLED_APPS
    if not app.startswith("quarterdeck.") or (PACKAGE / app.split(".")[1] / "apps.py").exists()
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "quarterdeck.entrypoints.web.compressed.Compressed",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "quarterdeck.entrypoints.api.plain_errors.RefusalsInJson",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "quarterdeck.entrypoints.web.guard.Guard",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [WEB / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {"qd": "quarterdeck.entrypoints.web.tags"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "quarterdeck.entrypoints.web.frame.frame",
            ],
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [WEB / "static"]
STATIC_ROOT = CONFIG.data_dir / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
}
CSRF_FAILURE_VIEW = "quarterdeck.entrypoints.web.errors.csrf_failed"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _PUBLIC.scheme == "https"
CSRF_COOKIE_SAMESITE = "Strict"
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o600

# Evidence lies below wiring, which chooses adapters: like a database backend, its store is named here.
EVIDENCE_STORE = "quarterdeck.wiring.artifact_store"
AUTH_USER_MODEL = "personnel.Account"
# PBKDF2 goes through the host's OpenSSL, which a FIPS host has validated (facts.md section 6).
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 14}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
globals().update(LOGIN_SETTINGS)
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST, EMAIL_PORT, DEFAULT_FROM_EMAIL = CONFIG.smtp_host, CONFIG.smtp_port, CONFIG.mail_from

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
