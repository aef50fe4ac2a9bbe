"""Logins of cloud providers: requested with the provider's library, and only for listed registries."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading

import boto3
import jwt
import pytest
import requests
import responses
from botocore.exceptions import ClientError
from support.clouds.aws import KEY, SECRET, FakeAws
from support.clouds.google import EMAIL, GRANT, TOKEN_URI, GoogleTokens
from support.listener import HttpListener, HttpReply
from support.parts import ROOT

from bot.demo import images
from bot.model.cloud_hosts import PUBLIC_ECR, is_ecr, is_gar
from bot.model.errors import RegistryError
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.registries import cloud_login, gar
from bot.registries.cloud_login import FAILURE_LIFETIME, RENEWAL_MARGIN, CloudLogin
from bot.registries.clouds import CloudError, CloudProvider, CloudToken
from bot.registries.credentials import PasswordLogin
from bot.registries.endpoints import EndpointDirectory, RegistryEntry
from bot.registries.gar import SCOPE, fetch_gar_token
from bot.registries.keychain import Keychain
from bot.registries.oci import OciRegistry

IMAGE = images.build_image([images.build_layer({"a": b"b"})])
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
GAR = "europe-west1-docker.pkg.dev"


@pytest.fixture(autouse=True)
def hidden_cloud_credentials(monkeypatch):
    """Hide the machine's cloud credentials from tests, and prevent requests to a metadata service."""
    for variable in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture
def aws(monkeypatch):
    with FakeAws() as running:
        running.serve(monkeypatch)
        yield running


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def serve_private_image(host: str, path: str, header: str) -> str:
    """Serve one image to requests with `header`, and a challenge to all others; return its URL."""
    url = f"https://{host}/v2/{path}/manifests/1"
    responses.head(url, status=401, headers={"WWW-Authenticate": f'Basic realm="https://{host}/"'})
    headers = {"Content-Type": IMAGE.media_type, "Docker-Content-Digest": IMAGE.digest}
    responses.head(url, headers=headers, match=[responses.matchers.header_matcher({"Authorization": header})])
    return url


def credential(host: str, cloud: CloudProvider) -> PasswordLogin:
    found = Keychain(EndpointDirectory([RegistryEntry(host, cloud=cloud)]), {}).get_credential(host, "a/b")
    assert isinstance(found, PasswordLogin)
    return found


def get_login_error(host: str, cloud: CloudProvider) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        credential(host, cloud)
    assert (caught.value.reason, caught.value.is_failure, caught.value.host) == (Reason.DENIED, True, host)
    return caught.value


# Hosts of cloud providers


@pytest.mark.parametrize(
    "host",
    [
        ECR,
        "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
        "123456789012.dkr-ecr.eu-west-1.on.aws",
        PUBLIC_ECR,
    ],
)
def test_ecr_host_names_are_recognised(host):
    assert is_ecr(host)


@pytest.mark.parametrize(
    "host",
    [
        f"{ECR}.evil.example",
        f"evil.{ECR}",
        f"{ECR}:5000",
        f"{ECR}\n",
        "12345.dkr.ecr.eu-west-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-west-1.evil.com",
        "123456789012.dkr.ecr.eu.west.1.amazonaws.com",
        "123456789012.dkrxecr.eu-west-1.amazonaws.com",
        "public.ecr.aws.evil.example",
    ],
)
def test_host_names_resembling_ecr_are_not_recognised_as_ecr(host):
    assert not is_ecr(host)


def test_google_registry_host_is_recognised_only_by_complete_name():
    assert all(map(is_gar, (GAR, "gcr.io", "eu.gcr.io", "us-docker.pkg.dev")))
    for host in (f"{GAR}.evil.example", "a.gcr.io", "docker.pkg.dev", "xgcr.io", "a.b-docker.pkg.dev", f"{GAR}:5000"):
        assert not is_gar(host)


# Amazon


@responses.activate
def test_ecr_login_allows_pull_of_private_image_in_region_of_registry(aws):
    serve_private_image(ECR, "team/web", basic("AWS", aws.password))
    responses.add_passthru(os.environ["AWS_ENDPOINT_URL_ECR"])
    oci = OciRegistry([RegistryEntry(ECR, cloud=CloudProvider.ECR)], environment={})
    assert oci.fetch_descriptor(TagRef(f"{ECR}/team/web", "1")).digest == IMAGE.digest
    assert aws.logins == ["ecr eu-west-1"], "the region is the one in the registry's name"
    assert oci.get_pull_address(TagRef(f"{ECR}/team/web", "1"), IMAGE.digest).password == aws.password


def test_public_ecr_login_uses_us_east_1(aws):
    assert credential(PUBLIC_ECR, CloudProvider.ECR) == PasswordLogin("AWS", aws.password)
    assert aws.logins == ["ecr-public us-east-1"]


def test_ecr_login_is_requested_only_for_registries_with_ecr_auth(aws):
    listed = EndpointDirectory(
        [RegistryEntry(ECR, cloud=CloudProvider.ECR), RegistryEntry(ECR.replace("1234", "9999"))]
    )
    for host in (ECR.replace("1234", "9999"), ECR.replace("1234", "8888"), PUBLIC_ECR):
        assert Keychain(listed, {}).get_credential(host, "a") is None
    assert listed.find_endpoint(ECR.replace("1234", "8888")) is None, "and is not contacted, whatever its name"
    assert not aws.received


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (
            ECR.replace("eu-west-1", "us-east-2"),
            "AWS answered with the error UnrecognizedClientException in the region us-east-2",
        ),
        (ECR, "AWS answered with the error InvalidSignatureException in the region eu-west-1"),
    ],
)
def test_refused_aws_login_is_reported_without_quoting_the_response(aws, monkeypatch, host, said):
    if host == ECR:
        aws.serve(monkeypatch, secret="another-secret")
    error = get_login_error(host, CloudProvider.ECR)
    assert said in str(error)
    assert "secret" not in str(error), "what AWS answers may repeat what it was sent"
    assert not aws.logins


def test_missing_aws_credentials_are_reported(aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "eu-west-1 failed (NoCredentialsError)" in str(get_login_error(ECR, CloudProvider.ECR))
    assert not aws.received


# Google


@pytest.fixture
def google(tmp_path, monkeypatch):
    """Start a fake of Google's token service, and configure a key file that it accepts."""
    with responses.mock:
        running = GoogleTokens()
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(running.write_key_file(tmp_path / "key.json")))
        yield running


def test_google_login_allows_pull_of_private_image_with_one_token(google):
    serve_private_image(GAR, "project/remote/web", basic("oauth2accesstoken", "ya29.token"))
    oci = OciRegistry([RegistryEntry(GAR, cloud=CloudProvider.GAR)], environment={})
    for _ in range(2):
        assert oci.fetch_descriptor(TagRef(f"{GAR}/project/remote/web", "1")).digest == IMAGE.digest
    assert len(google.received) == 1


def test_google_login_is_requested_only_for_registries_with_gar_auth(google):
    listed = EndpointDirectory([RegistryEntry(GAR, cloud=CloudProvider.GAR), RegistryEntry(f"us-{GAR}")])
    for host in (f"us-{GAR}", f"asia-{GAR}", "gcr.io"):
        assert Keychain(listed, {}).get_credential(host, "a") is None
    assert not google.received


def test_refused_google_login_is_reported_without_quoting_the_response(google, tmp_path):
    google.write_key_file(tmp_path / "key.json", client_email="eve@acme.example")
    error = get_login_error(GAR, CloudProvider.GAR)
    assert "(RefreshError)" in str(error)
    assert len(str(error)) < 200, "and so without the assertion that it repeated"


def test_netrc_is_not_used_for_google_token_requests(google, isolated_home):
    (isolated_home / ".netrc").write_text("machine oauth2.googleapis.com login somebody password else\n")
    assert credential(GAR, CloudProvider.GAR).password == "ya29.token"
    assert "Authorization" not in google.received[0].headers


def test_only_documented_variables_set_proxy_and_ca_of_requests_to_google(google, monkeypatch):
    for variable in ("ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(variable, "http://other.example:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/other.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("SSL_CERT_FILE", "/ca.pem")
    fetch_gar_token()
    options = google.received[0].req_kwargs
    assert (dict(options["proxies"]), options["verify"]) == ({"https": "http://proxy.example:3128"}, "/ca.pem")


def test_google_token_response_above_size_limit_is_refused(google, monkeypatch):
    monkeypatch.setattr(gar, "MAX_ANSWER", 10)
    with pytest.raises(CloudError, match="issued no token"):
        fetch_gar_token()


def test_missing_google_credentials_are_reported():
    assert "application default credentials" in str(get_login_error(GAR, CloudProvider.GAR))


@responses.activate
def test_google_key_file_configured_as_password_allows_pull():
    serve_private_image(GAR, "project/web", basic("_json_key", '{"a": "b"}'))
    entry = RegistryEntry(GAR, username="_json_key", password='{"a": "b"}')
    assert (
        OciRegistry([entry], environment={}).fetch_descriptor(TagRef(f"{GAR}/project/web", "1")).digest == IMAGE.digest
    )


# The fakes reject the same requests as the cloud providers


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"Authorization": ""}, "MissingAuthenticationTokenException"),
        ({"X-Amz-Date": "20200101T000000Z"}, "RequestExpired"),
        ({"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.DescribeImages"}, "InvalidSignatureException"),
        ({"Cookie": "a=b"}, "UnrecognizedClientException"),
    ],
)
def test_fake_aws_refuses_modified_requests(changed, code, aws, monkeypatch):
    credential(ECR, CloudProvider.ECR)
    genuine = aws.received[0]
    sent = {name: value for name, value in genuine.headers.items() if name not in {key.lower() for key in changed}}
    answer = requests.post(f"http://{sent['host']}/", data=genuine.body, headers=sent | changed, timeout=5)
    assert answer.json().get("__type") == code


@pytest.mark.parametrize(
    ("key", "secret", "region"),
    [("AKIDOTHER", SECRET, "eu-west-1"), (KEY, "other", "eu-west-1"), (KEY, SECRET, "eu-west-2")],
)
def test_fake_aws_refuses_wrong_key_secret_or_region(key, secret, region, aws):
    client = boto3.client("ecr", region_name=region, aws_access_key_id=key, aws_secret_access_key=secret)
    with pytest.raises(ClientError):
        client.get_authorization_token()
    assert not aws.logins


def test_fake_aws_refuses_operations_other_than_login(aws):
    with pytest.raises(ClientError, match="UnknownOperationException"):
        boto3.client("ecr", region_name="eu-west-1").describe_repositories()


CLAIMS = {"iss": EMAIL, "scope": SCOPE, "aud": TOKEN_URI, "iat": 0, "exp": 4102444800}


@pytest.mark.parametrize(
    ("changed", "headers", "status"),
    [
        ({}, {}, 200),
        ({"iss": "eve@acme.example"}, {}, 400),
        ({"scope": "https://www.googleapis.com/auth/drive"}, {}, 400),
        ({"aud": "https://evil.example/token"}, {}, 400),
        ({"exp": 1}, {}, 400),
        ({}, {"Authorization": "Basic eDp5"}, 400),
    ],
)
def test_fake_google_refuses_modified_requests(changed, headers, status, google):
    assertion = jwt.encode(CLAIMS | changed, google.pem, algorithm="RS256")
    words = {"grant_type": GRANT, "assertion": assertion}
    assert requests.post(TOKEN_URI, data=words, headers=headers, timeout=5).status_code == status


# Optional libraries


@pytest.mark.parametrize(
    ("cloud", "host", "package"), [(CloudProvider.ECR, ECR, "boto3"), (CloudProvider.GAR, GAR, "google.auth")]
)
def test_missing_cloud_library_is_reported_with_extra_to_install(cloud, host, package, monkeypatch):
    for module in [name for name in sys.modules if name.startswith(package)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    assert f"install basebump with the extra `{cloud}`" in str(get_login_error(host, cloud))


def test_cloud_libraries_are_not_imported_without_cloud_login_in_config():
    program = (
        "import sys; from bot.registries.oci import OciRegistry\n"
        "OciRegistry(environment={})._keychain.get_credential('docker.io', 'library/nginx')\n"
        "print(sorted({'boto3', 'botocore', 'google.auth'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Expiry


class FakeTokenIssuer:
    """Issues logins that expire after an hour, or fails."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0
        self.fails = False

    def fetch(self, cloud: CloudProvider, account: str) -> CloudToken:
        self.asked += 1
        if self.fails:
            raise CloudError("no")
        return CloudToken(PasswordLogin("user", f"word {self.asked}"), self.now + 3600)


@pytest.fixture
def issuer(monkeypatch):
    standing = FakeTokenIssuer()
    monkeypatch.setattr(cloud_login, "_fetch_token", standing.fetch)
    return standing


def test_cloud_login_is_kept_until_shortly_before_expiry(issuer):
    login = CloudLogin(CloudProvider.ECR, ECR, now=lambda: issuer.now)
    begun = issuer.now
    for elapsed, asked in ((0, 1), (3600 - RENEWAL_MARGIN - 1, 1), (3600 - RENEWAL_MARGIN, 2), (3600, 2)):
        issuer.now = begun + elapsed
        assert login.get_credential().password == f"word {asked}"


def test_failed_cloud_login_is_retried_only_after_a_delay(issuer):
    login = CloudLogin(CloudProvider.ECR, ECR, now=lambda: issuer.now)
    issuer.fails = True
    for _ in range(3):
        with pytest.raises(RegistryError, match="`auth: ecr`: no"):
            login.get_credential()
    assert issuer.asked == 1
    issuer.fails = False
    issuer.now += FAILURE_LIFETIME
    assert login.get_credential().password == "word 2"


def test_concurrent_threads_share_one_ecr_login(aws):
    chain = Keychain(EndpointDirectory([RegistryEntry(ECR, cloud=CloudProvider.ECR)]), {})
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(chain.get_credential(ECR, "a"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [PasswordLogin("AWS", aws.password)] * 12
    assert len(aws.logins) == 1


def test_repr_of_cloud_token_and_registry_entry_hides_the_password():
    assert "secret" not in repr(
        [CloudToken(PasswordLogin("user", "secret"), 0.0), RegistryEntry(ECR, password="secret")]
    )


def test_aws_response_without_login_is_reported_as_failure(monkeypatch):
    with HttpListener(lambda received: HttpReply(200, b'{"authorizationData": []}')) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        assert "no login" in str(get_login_error(ECR, CloudProvider.ECR))
