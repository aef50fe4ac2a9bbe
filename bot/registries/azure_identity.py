"""Requests Microsoft Entra tokens with azure-identity, with one credential that the environment determines.

The most explicit setting wins, in this order: a client secret or certificate, a federated token (workload identity,
GitHub's OIDC, a service connection of Azure Pipelines), a managed identity, and finally the login of `az` or the
identity of the machine itself. azure-identity's own chain of all credentials is not used, because this chain waits for
an IP address that exists only on Azure machines.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bot.model.errors import BasebumpError
from bot.net import HostTrust, HttpClient, HttpError, Url, sanitize_text

if TYPE_CHECKING:  # the import takes half a second, so only runs that log in to Azure import it
    from azure.core.credentials import AccessToken, TokenCredential

REGISTRY_SCOPE = "https://containerregistry.azure.net/.default"
"""The scope of tokens that are valid for registries in every cloud, but for no other service."""
CLI_TIMEOUT = 30
"""The time limit for `az`, in seconds. `az` is a large Python program, and may have to contact Entra."""
MAX_ERROR_LENGTH = 300
"""The largest number of characters that are quoted from Entra's error message: enough for the error code and the next
sentence."""
METADATA_SERVICE = "http://169.254.169.254"
AZURE_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
"""The asset tag of every virtual machine on Azure."""
ASSET_TAG_FILE = Path("/sys/class/dmi/id/chassis_asset_tag")
RENEWAL_TIME = 300
"""basebump requests a new token this number of seconds before the old token expires."""
SECRET_VARIABLES = (
    *("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
    *("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_ACCESSTOKEN"),
)
"""The environment variables whose values must never appear in a message."""
PIPELINE_VARIABLES = (
    *("AZURESUBSCRIPTION_CLIENT_ID", "AZURESUBSCRIPTION_TENANT_ID", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"),
    *("SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN"),
)
"""The variables of a job of Azure Pipelines that uses a service connection. The task AzureCLI sets the first three. The
agent sets the URL, and the pipeline must pass the token (`env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`)."""
SETUP_HINT = (
    "set AZURE_CLIENT_ID and AZURE_TENANT_ID together with AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or "
    "AZURE_FEDERATED_TOKEN_FILE, give the GitHub workflow `id-token: write`, use the task AzureCLI@2 and map "
    "SYSTEM_ACCESSTOKEN in Azure Pipelines, or run `az login`"
)
MAX_ASSERTION_SIZE = 64 * 1024
"""The largest response, in bytes, with the token of a CI job. It usually has about 2,000 bytes."""


class NoEntraTokenError(BasebumpError):
    """Entra issued no token, or no identity is configured."""


@dataclass(frozen=True, slots=True)
class AzureCloud:
    """One of Azure's separate clouds, such as the public cloud or the one for the US government."""

    authority: str
    """The host of this cloud's Entra."""
    federation_audience: str
    """The audience that federated tokens for this cloud must name."""
    manager_host: str
    """The host of this cloud's resource manager."""

    @property
    def manager_scope(self) -> str:
        """The scope of tokens for the resource manager. Only the roles of the identity limit their permissions."""
        return f"https://{self.manager_host}/.default"


PUBLIC_CLOUD = AzureCloud("login.microsoftonline.com", "api://AzureADTokenExchange", "management.azure.com")
SOVEREIGN_CLOUDS = {
    ".azurecr.us": AzureCloud(
        "login.microsoftonline.us", "api://AzureADTokenExchangeUSGov", "management.usgovcloudapi.net"
    ),
    ".azurecr.cn": AzureCloud(
        "login.partner.microsoftonline.cn", "api://AzureADTokenExchangeChina", "management.chinacloudapi.cn"
    ),
}
"""The sovereign clouds, by the suffix that the hosts of their registries have."""


def get_azure_cloud(host: str, environment: Mapping[str, str]) -> AzureCloud:
    """Return the Azure cloud in which to log in to the registry `host`.

    By default, the suffix of `host` determines the cloud. The variable AZURE_AUTHORITY_HOST in `environment` overrides
    this default:

    - If its value is the Entra host of a known cloud, that cloud is returned.
    - If its value is any other host, the default cloud is returned, with this host as its Entra host.

    Raises NoEntraTokenError if AZURE_AUTHORITY_HOST is invalid.
    """
    host_name = host.partition(":")[0]
    host_cloud = next((cloud for suffix, cloud in SOVEREIGN_CLOUDS.items() if host_name.endswith(suffix)), PUBLIC_CLOUD)
    authority_setting = environment.get("AZURE_AUTHORITY_HOST", "").strip().rstrip("/")
    if not authority_setting:
        return host_cloud
    authority = authority_setting.removeprefix("https://").lower()
    if "/" in authority:
        raise NoEntraTokenError(
            "AZURE_AUTHORITY_HOST is not the URL of an Entra server; hint: set it to `https://HOST`"
        )
    known_clouds = (cloud for cloud in (PUBLIC_CLOUD, *SOVEREIGN_CLOUDS.values()) if cloud.authority == authority)
    return next(known_clouds, replace(host_cloud, authority=authority))


class EntraIdentity:
    """The identity for which one cloud's Entra issues tokens. Thread-safe.

    Tokens are cached until shortly before they expire, because azure-identity would start `az` for each token.
    """

    def __init__(self, cloud: AzureCloud, environment: Mapping[str, str]) -> None:
        """Choose the credential from the environment. Raises NoEntraTokenError if the environment has no credential."""
        self._cloud = cloud
        self._environment = environment
        logging.getLogger("azure").addHandler(logging.NullHandler())  # basebump reports each failure once by itself
        self.description, self._credential = self._choose_credential()
        self._tokens: dict[str, AccessToken] = {}
        self._lock = threading.Lock()

    def get_token(self, scope: str) -> str:
        """Return a token for `scope`, such as `REGISTRY_SCOPE` or `AzureCloud.manager_scope`.

        Raises NoEntraTokenError if no token is issued.
        """
        with self._lock:
            token = self._tokens.get(scope)
            if token is None or token.expires_on < time.time() + RENEWAL_TIME:
                token = self._tokens[scope] = self._request_token(scope)
            return token.token

    def _request_token(self, scope: str) -> AccessToken:
        from azure.core.exceptions import AzureError

        try:
            return self._credential.get_token(scope)
        except (AzureError, HttpError, ValueError, OSError) as error:
            secrets = [self._environment.get(name, "") for name in SECRET_VARIABLES]
            details = sanitize_text(str(error), secrets, MAX_ERROR_LENGTH)
            raise NoEntraTokenError(f"Entra issued no token for the {self.description}: {details}") from None

    def _choose_credential(self) -> tuple[str, TokenCredential]:
        get = self._environment.get
        client, tenant = get("AZURE_CLIENT_ID", ""), get("AZURE_TENANT_ID", "")
        for variable in ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"):
            if value := get(variable):
                if not client or not tenant:
                    raise NoEntraTokenError(
                        f"{variable} is set, but AZURE_CLIENT_ID or AZURE_TENANT_ID is not set; hint: set both"
                    )
                return self._make_application_credential(variable, value, client, tenant)
        if client and tenant and get("ACTIONS_ID_TOKEN_REQUEST_URL") and get("ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
            return "OIDC token of GitHub", self._make_github_credential(client, tenant)
        if all(map(get, PIPELINE_VARIABLES)):
            return "service connection of Azure Pipelines", self._make_pipeline_credential()
        for variable in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT"):
            if endpoint := get(variable):
                return "managed identity", self._make_managed_credential(endpoint, variable, client)
        return self._make_machine_credential(client, tenant)

    def _make_application_credential(
        self, variable: str, value: str, client: str, tenant: str
    ) -> tuple[str, TokenCredential]:
        """Return the credential of an application, after a name for the credential in messages.

        `variable` is the environment variable that contains the credential, and `value` is its value. The variable's
        name determines whether the credential is a secret, a certificate or a federated token. `client` and `tenant`
        are the IDs of the application and its tenant.

        Raises NoEntraTokenError if `value` cannot be used.
        """
        from azure import identity

        try:
            match variable:
                case "AZURE_CLIENT_SECRET":
                    secret = identity.ClientSecretCredential(tenant, client, value, **self._build_options())
                    return "secret in AZURE_CLIENT_SECRET", secret
                case "AZURE_CLIENT_CERTIFICATE_PATH":
                    password = self._environment.get("AZURE_CLIENT_CERTIFICATE_PASSWORD")
                    options = self._build_options() | ({"password": password} if password else {})
                    certificate = identity.CertificateCredential(tenant, client, value, **options)
                    return "certificate in AZURE_CLIENT_CERTIFICATE_PATH", certificate
                case _:
                    workload = identity.WorkloadIdentityCredential(
                        tenant_id=tenant, client_id=client, token_file_path=value, **self._build_options()
                    )
                    return "workload identity in AZURE_FEDERATED_TOKEN_FILE", workload
        except (ValueError, OSError) as error:
            secrets = [self._environment.get(name, "") for name in SECRET_VARIABLES]
            raise NoEntraTokenError(
                f"{variable} cannot be used: {sanitize_text(str(error), secrets, MAX_ERROR_LENGTH)}"
            ) from None

    def _make_github_credential(self, client: str, tenant: str) -> TokenCredential:
        url = self._environment["ACTIONS_ID_TOKEN_REQUEST_URL"]
        bearer = self._environment["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
        http = self._create_http_client(url, "ACTIONS_ID_TOKEN_REQUEST_URL")
        audience = self._cloud.federation_audience
        return self._make_assertion_credential(
            client, tenant, lambda: fetch_github_assertion(http, url, bearer, audience)
        )

    def _make_pipeline_credential(self) -> TokenCredential:
        """Return the credential of the service connection that this job of Azure Pipelines uses."""
        client, tenant, connection, url, bearer = (self._environment[name] for name in PIPELINE_VARIABLES)
        http = self._create_http_client(url, "SYSTEM_OIDCREQUESTURI")
        return self._make_assertion_credential(
            client, tenant, lambda: fetch_pipeline_assertion(http, url, bearer, connection)
        )

    def _make_assertion_credential(
        self, client: str, tenant: str, fetch_assertion: Callable[[], str]
    ) -> TokenCredential:
        """Return the credential of an application that proves its identity with a token of another issuer."""
        from azure.identity import ClientAssertionCredential

        return ClientAssertionCredential(tenant, client, fetch_assertion, **self._build_options())

    def _make_managed_credential(self, endpoint: str, variable: str, client: str) -> TokenCredential:
        """Return the credential of a managed identity, whose tokens are issued by the server at `endpoint`.

        `variable` is the environment variable that can set `endpoint`. Error messages name this variable. `client` is
        the ID of the identity to use if the machine has several identities. If `client` is empty, the machine's default
        identity is used. azure-identity reads the remaining settings from the environment itself.
        """
        from azure.identity import ManagedIdentityCredential

        return ManagedIdentityCredential(client_id=client or None, **self._build_options(endpoint, variable))

    def _make_machine_credential(self, client: str, tenant: str) -> tuple[str, TokenCredential]:
        """Return a pair: a description for messages, and the credential of a machine without variables for a login.

        The credential is the login of `az`, or the identity of the machine if the machine runs on Azure. If both exist,
        azure-identity tries the login of `az` first. `client` and `tenant` are the IDs of the identity and its tenant.

        Raises NoEntraTokenError if neither credential exists.
        """
        from azure import identity

        credentials: dict[str, TokenCredential] = {}
        if shutil.which("az", path=self._environment.get("PATH")):
            credentials["login of `az`"] = identity.AzureCliCredential(tenant_id=tenant, process_timeout=CLI_TIMEOUT)
        if is_azure_machine():
            variable = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
            endpoint = self._environment.get(variable) or METADATA_SERVICE
            credentials["identity of this machine"] = self._make_managed_credential(endpoint, variable, client)
        match [*credentials.items()]:
            case []:
                raise NoEntraTokenError(f"no identity for Microsoft Entra is configured; hint: {SETUP_HINT}")
            case [only]:
                return only
            case _:
                return " or the ".join(credentials), identity.ChainedTokenCredential(*credentials.values())

    def _build_options(self, endpoint: str | None = None, variable: str = "AZURE_AUTHORITY_HOST") -> dict[str, Any]:
        """Return the options that all credential types of azure-identity share.

        `endpoint` is the URL of the server that issues the tokens. If it is None, Entra issues the tokens. `variable`
        is the environment variable that can set this URL. If the URL is invalid, the error message names this variable.
        """
        from bot.registries.azure_http import AzureTransport, make_sender

        options: dict[str, Any] = {
            "transport": AzureTransport(
                make_sender(self._create_http_client(endpoint or f"https://{self._cloud.authority}", variable))
            ),
            "retry_total": 0,  # `HttpClient` repeats failed requests
        }
        if endpoint is None:
            known_authorities = {PUBLIC_CLOUD.authority, *(cloud.authority for cloud in SOVEREIGN_CLOUDS.values())}
            options["authority"] = self._cloud.authority
            # By default, the library checks other hosts against Microsoft's directory, which lists only Microsoft's own
            # hosts.
            options["disable_instance_discovery"] = self._cloud.authority not in known_authorities
        return options

    def _create_http_client(self, url: str, variable: str) -> HttpClient:
        """Return an HTTP client that may contact the host of `url` even if the host is private or uses plain http.

        The host is trusted, because only the operator's environment can set `url`. `variable` is the name of this
        variable.

        Raises NoEntraTokenError if `url` is invalid. The message names the variable.
        """
        try:
            parts = Url.parse(url)
        except HttpError as error:
            raise NoEntraTokenError(f"the environment variable {variable} is not a valid URL: {error}") from None
        return HttpClient(
            {parts.authority: HostTrust(is_insecure=parts.scheme == "http")}, environment=self._environment
        )


class ManagerLogin:
    """The login to Azure Resource Manager.

    AZURE_AUTHORITY_HOST determines the Azure cloud. Without this variable, the public cloud is used.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._identity: EntraIdentity | None = None

    @property
    def manager_host(self) -> str:
        """The host of the resource manager."""
        try:
            return get_azure_cloud("", self._environment).manager_host
        except NoEntraTokenError:  # `get_token` reports the error
            return PUBLIC_CLOUD.manager_host

    def get_token(self) -> str:
        """Return a token for the resource manager. Raises NoEntraTokenError if no token is issued."""
        cloud = get_azure_cloud("", self._environment)
        self._identity = self._identity or EntraIdentity(cloud, self._environment)
        return self._identity.get_token(cloud.manager_scope)


def is_azure_machine() -> bool:
    """Return True if this machine runs on Azure. Sends no request."""
    try:
        return ASSET_TAG_FILE.read_text().strip() == AZURE_ASSET_TAG
    except (OSError, ValueError):
        return False


def fetch_github_assertion(http: HttpClient, url: str, bearer: str, audience: str) -> str:
    """Request an OIDC token for this GitHub workflow from the URL that GitHub passes to the job.

    `url` and `bearer` are the values that GitHub passes to the job. `audience` is the recipient that the token names.
    Raises NoEntraTokenError if no token is issued.

    https://docs.github.com/en/actions/reference/security/oidc
    """
    if not url.startswith("https://"):
        raise NoEntraTokenError("no OIDC token was requested, because ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL")
    request_url = url + ("&" if "?" in url else "?") + urlencode({"audience": audience})
    headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
    hint = "give the job the permission `id-token: write`"
    return _fetch_token(http, "GET", request_url, headers, issuer="GitHub", key="value", hint=hint)


def fetch_pipeline_assertion(http: HttpClient, url: str, bearer: str, connection: str) -> str:
    """Request an OIDC token for this job of Azure Pipelines, in the name of a service connection.

    `url` and `bearer` are the values of SYSTEM_OIDCREQUESTURI and SYSTEM_ACCESSTOKEN. `connection` is the id of the
    service connection. Raises NoEntraTokenError if no token is issued.

    https://learn.microsoft.com/en-us/rest/api/azure/devops/distributedtask/oidctoken/create
    """
    if not url.startswith("https://"):
        raise NoEntraTokenError("no OIDC token was requested, because SYSTEM_OIDCREQUESTURI is not an https URL")
    request_url = f"{url}?{urlencode({'api-version': '7.1', 'serviceConnectionId': connection})}"
    headers = {
        "Authorization": f"Bearer {bearer}",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "X-TFS-FedAuthRedirect": "Suppress",
    }
    hint = "use a service connection with workload identity federation, and allow the pipeline to use it"
    return _fetch_token(http, "POST", request_url, headers, issuer="Azure Pipelines", key="oidcToken", hint=hint)


def _fetch_token(
    http: HttpClient, method: str, url: str, headers: dict[str, str], *, issuer: str, key: str, hint: str
) -> str:
    """Send a request, and return the text under `key` in the JSON document of the response.

    `issuer` and `hint` are for messages. Raises NoEntraTokenError if no token is issued.
    """
    try:
        response = http.request(method, url, headers=headers, limit=MAX_ASSERTION_SIZE, max_redirects=0)
        value = json.loads(response.body)[key] if response.status == HTTPStatus.OK else None
    except HttpError as error:
        raise NoEntraTokenError(f"{issuer} returned no OIDC token: {error}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        value = None
    if not isinstance(value, str):
        raise NoEntraTokenError(f"{issuer} answered {response.status} without an OIDC token; hint: {hint}")
    return value
