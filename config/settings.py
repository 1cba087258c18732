"""All settings, from the environment; docs/configuration.md has the same order.

Every variable may also be given as `<NAME>_FILE`, the path of a file that holds
the value, as container secrets are.
"""

import os
import secrets
from ipaddress import ip_network
from pathlib import Path

import django_stubs_ext
import environ

from config.look import ADMIN_COLORS
from config.services import locations

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env")

# --- State ---------------------------------------------------------------------

VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()
VAR_DIR.mkdir(parents=True, exist_ok=True)


def _generated_secret(path: Path) -> str:
    """Return the secret kept in `path`, made on the first call, for this user only."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text()


# --- Site ----------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or _generated_secret(
    VAR_DIR / "secret_key"
)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"])
SITE_NAME = env.str("SITE_NAME", default="Vedette")
SITE_ROOT = env.str("SITE_ROOT", default="http://localhost:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[SITE_ROOT])
SECURE_PROXY_SSL_HEADER = env.tuple("SECURE_PROXY_SSL_HEADER", default=None)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SITE_ROOT.startswith("https://")
SESSION_COOKIE_NAME = "vedette_session"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# --- Applications --------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "django.contrib.postgres",
    "config.admin_app.OrganizationAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "config",  # Before django_q, whose qcluster command it hardens.
    "django_q",
    "accounts",
    "monitoring",
    "alerts",
    "sources",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.views.shell.shell",
            ]
        },
    }
]
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]

# --- PostgreSQL and Redis ------------------------------------------------------

# Without a URL the embedded servers are used; `config.services` starts them.
DATABASE_URL = env.str("DATABASE_URL", default="")
REDIS_URL = env.str("REDIS_URL", default="")
EMBEDDED_POSTGRES = not DATABASE_URL
EMBEDDED_REDIS = not REDIS_URL
if EMBEDDED_POSTGRES:
    DATABASES = {"default": locations.embedded_database(VAR_DIR)}
else:
    DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"]["CONN_MAX_AGE"] = env.int("DB_CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DB_POOL_SIZE = env.int("DB_POOL_SIZE", default=24)
if EMBEDDED_REDIS:
    REDIS_URL = locations.embedded_redis_url(VAR_DIR)

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "vedette"},
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
    }
}

UNFOLD = {
    "SITE_TITLE": SITE_NAME,
    "SITE_HEADER": SITE_NAME,
    "SITE_SYMBOL": "visibility",
    "SITE_URL": "/",
    "SHOW_HISTORY": False,  # The audit log is the history.
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": ADMIN_COLORS,
}

# --- Workers -------------------------------------------------------------------

# One cluster a queue: a burst of ingestion must not hold up notifications.
_CLUSTER = {
    "redis": REDIS_URL,
    "broker_class": "config.services.queue_broker.QueueBroker",
    "workers": env.int("DEFAULT_WORKERS", default=2),
    "timeout": 300,
    "retry": 360,
    "recycle": 5000,
    "max_attempts": 1,
    "save_limit": -1,  # Outcomes live in our own tables.
    "catch_up": False,
    "scheduler": False,
    "poll": 0.05,
    "guard_cycle": 0.5,
    "label": "Task queue",
}
Q_CLUSTER = {
    "name": "default",
    **_CLUSTER,
    "ALT_CLUSTERS": {
        "ingest": {**_CLUSTER, "workers": env.int("INGEST_WORKERS", default=1)},
    },
}

# --- REST ----------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.TokenAuthentication",
        "accounts.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["accounts.api.filters.FilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "accounts.api.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "accounts.api.errors.exception_handler",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Vedette API",
    "DESCRIPTION": "Everything the dashboard can do, for programs.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "AlertStatusEnum": "alerts.models.Alert.Status",
        "NotificationStatusEnum": "alerts.models.Notification.Status",
        "SourceStatusEnum": "sources.models.Source.Status",
        "SourceKindEnum": "sources.services.kinds.CHOICES",
        "RuleKindEnum": "alerts.models.Rule.Kind",
        "ChannelKindEnum": "alerts.models.NotificationChannel.Kind",
        "TransitionKindEnum": "alerts.models.Transition.Kind",
        "BatchKindEnum": "sources.models.BatchKind",
    },
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "sources.api.schema.add_pushes",
    ],
}

# --- Ingestion -----------------------------------------------------------------

_ROOTS = env.str("FILE_SOURCE_ROOTS", default=f"{VAR_DIR / 'demo'}:/var/log")
FILE_SOURCE_ROOTS = [Path(root) for root in _ROOTS.split(":") if root]
COLLECTOR_LISTEN_ADDRESSES = env.list(
    "COLLECTOR_LISTEN_ADDRESSES", default=["127.0.0.1", "::1"]
)
SOURCE_ALLOWED_NETWORKS = [
    ip_network(text) for text in env.list("SOURCE_ALLOWED_NETWORKS", default=[])
]
INGEST_MAX_BODY_BYTES = env.int("INGEST_MAX_BODY_BYTES", default=16 * 2**20)
INGEST_MAX_LINE_BYTES = env.int("INGEST_MAX_LINE_BYTES", default=256 * 2**10)
PING_BODY_LIMIT = env.int("PING_BODY_LIMIT", default=100_000)
INGEST_BACKLOG_LIMIT = env.int("INGEST_BACKLOG_LIMIT", default=2_000_000)
INGEST_MAX_ATTEMPTS = env.int("INGEST_MAX_ATTEMPTS", default=5)

# --- Retention -----------------------------------------------------------------
METRIC_RETENTION_DAYS = env.int("METRIC_RETENTION_DAYS", default=30)
METRIC_ROLLUP_RETENTION_DAYS = env.int("METRIC_ROLLUP_RETENTION_DAYS", default=400)
LOG_RETENTION_DAYS = env.int("LOG_RETENTION_DAYS", default=7)
MAX_RETENTION_DAYS = env.int("MAX_RETENTION_DAYS", default=400)
ARCHIVE_URL = env.str("ARCHIVE_URL", default="")
ARCHIVE_AFTER_DAYS = env.int("ARCHIVE_AFTER_DAYS", default=3)

# --- Notifications -------------------------------------------------------------
EMAIL_HOST = env.str("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.int("EMAIL_PORT", default=25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
EMAIL_USE_SSL = env.bool("EMAIL_USE_SSL", default=False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="vedette@localhost")
INTEGRATIONS_ALLOW_PRIVATE_IPS = env.bool(
    "INTEGRATIONS_ALLOW_PRIVATE_IPS", default=False
)

# --- Logging -------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "filters": {"repetition": {"()": "config.repetition.LimitRepetition"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["repetition"],
        }
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # They say at INFO what each task and each connection does.
    "loggers": {name: {"level": "WARNING"} for name in ("django-q", "daphne", "httpx")},
}
