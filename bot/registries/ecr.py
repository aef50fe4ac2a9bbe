"""Requests logins to Amazon's registries with the operator's AWS credentials.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
"""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from bot.model.cloud_hosts import PUBLIC_ECR, parse_ecr_region
from bot.net import HostTrust, HttpClient, HttpError, Url
from bot.registries.clouds import CloudError, CloudProvider, CloudToken, make_missing_library_error
from bot.registries.credentials import PasswordLogin

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

PUBLIC_REGION = "us-east-1"
"""The only region that issues logins to Amazon's public registry."""
MAX_TRIES = 3
"""The largest number of attempts if AWS responds with an error. `bot.net` repeats a request that got no response."""
MAX_RESPONSE_BYTES = 1024 * 1024
"""The largest response, in bytes. A login has about 3,000 bytes."""


def fetch_ecr_token(host: str) -> CloudToken:
    """Request a login to the ECR registry `host`, in the AWS region that the host name contains.

    AWS's own library finds the credentials, for example in environment variables, profiles, or the role of the machine.

    Raises CloudError if no token or login is issued.
    """
    try:
        from boto3.session import Session  # noqa: PLC0415 - only configurations with such a registry need it
        from botocore.config import Config  # noqa: PLC0415 - the same
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the same
    except ImportError:
        raise make_missing_library_error(CloudProvider.ECR, "boto3") from None
    is_public = host == PUBLIC_ECR
    service = "ecr-public" if is_public else "ecr"
    region, is_fips = (PUBLIC_REGION, False) if is_public else parse_ecr_region(host)
    config = Config(
        retries={"total_max_attempts": MAX_TRIES, "mode": "standard"},
        **({"use_fips_endpoint": True} if is_fips else {}),
    )
    session = Session()
    session.events.register("before-send", _send_with_limits)  # also for requests to STS, which issues credentials
    try:
        client = session.client(service, region_name=region, config=config)
        response = client.get_authorization_token()
    except ClientError as error:
        raise CloudError(
            f"AWS answered with the error {error.response['Error']['Code']} in the region {region}"
        ) from None
    except BotoCoreError as error:
        raise CloudError(f"the request to AWS in the region {region} failed ({type(error).__name__})") from None
    return _parse_token(response)


def _send_with_limits(request: AWSPreparedRequest, **_: object) -> AWSResponse:
    """Send a request of AWS's library with a deadline and a size limit, which the library does not support.

    This function is an event handler: https://boto3.amazonaws.com/v1/documentation/api/latest/guide/events.html. Raises
    CloudError if the request fails.
    """
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - as above
    from botocore.session import get_session  # noqa: PLC0415 - as above

    target = Url.parse(request.url)
    trust = HostTrust(target.scheme == "http", get_session().get_config_variable("ca_bundle"))
    try:
        response = HttpClient({target.authority: trust}).request(
            request.method,
            request.url,
            limit=MAX_RESPONSE_BYTES,
            headers=dict(request.headers),
            body=request.body,
            max_redirects=0,
        )
    except HttpError as error:
        raise CloudError(f"the request to AWS failed: {error}") from None
    body = SimpleNamespace(stream=lambda: iter([response.body]))  # the library expects a response of `urllib3`
    return AWSResponse(request.url, response.status, response.headers, body)


def _parse_token(response: dict[str, Any]) -> CloudToken:
    try:
        data = response["authorizationData"]
        data = data[0] if isinstance(data, list) else data  # private: a list, one login per account
        decoded = base64.b64decode(data["authorizationToken"], validate=True).decode()
        expires_at = data["expiresAt"].timestamp()
    except (KeyError, IndexError, ValueError, AttributeError):
        raise CloudError("AWS returned no login") from None
    username, _, password = decoded.partition(":")
    return CloudToken(PasswordLogin(username, password), expires_at)
