"""Requests logins to Amazon's registries with the operator's AWS credentials.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
"""

from __future__ import annotations

import base64
from typing import Any

from bot.model.cloud_hosts import PUBLIC_ECR, parse_ecr_region
from bot.registries.clouds import CloudError, CloudProvider, CloudToken, make_missing_library_error
from bot.registries.credentials import PasswordLogin

PUBLIC_REGION = "us-east-1"
"""The only region that issues logins to Amazon's public registry."""
CONNECT_TIMEOUT, READ_TIMEOUT, MAX_TRIES = 10, 30, 3
"""Seconds, seconds and attempts. The values are the same as in `bot.net`."""


def fetch_ecr_token(host: str) -> CloudToken:
    """Request a login to the ECR registry `host`, in the AWS region that the host name contains.

    AWS's own library finds the credentials, for example in environment variables, profiles, or the role of the machine.

    Raises CloudError.
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
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"total_max_attempts": MAX_TRIES, "mode": "standard"},
        **({"use_fips_endpoint": True} if is_fips else {}),
    )
    try:
        client = Session().client(service, region_name=region, config=config)
        response = client.get_authorization_token()
    except ClientError as error:
        raise CloudError(
            f"AWS answered with the error {error.response['Error']['Code']} in the region {region}"
        ) from None
    except BotoCoreError as error:
        raise CloudError(f"the request to AWS in the region {region} failed ({type(error).__name__})") from None
    return _parse_token(response)


def _parse_token(response: dict[str, Any]) -> CloudToken:
    try:
        data = response["authorizationData"]
        data = data[0] if isinstance(data, list) else data  # the private service returns a list, one login per account
        decoded = base64.b64decode(data["authorizationToken"], validate=True).decode()
        expires_at = data["expiresAt"].timestamp()
    except (KeyError, IndexError, ValueError, AttributeError):
        raise CloudError("AWS returned no login") from None
    username, _, password = decoded.partition(":")
    return CloudToken(PasswordLogin(username, password), expires_at)
