"""How services know each other: a short-lived, audience-bound, signed token in a header of its own.

The user's token travels beside it, so a service always knows both who is calling and for whom.
"""

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from breezeway.errors import Unauthenticated

SERVICE_TOKEN_HEADER = "X-Service-Token"  # noqa: S105 - the name of a header

MAX_AGE_SECONDS = 60
"""Long enough for a slow hop, short enough that a leaked header is soon worthless."""


class ServiceTokens:
    """Issues tokens in the name of `service` and checks those that others sent to it.

    Args:
        key: the deployment's internal key; the same for every service.
        service: our own name, for example `market-data`.
    """

    def __init__(self, key: str, service: str) -> None:
        self._key = key
        self.service = service

    def issue(self, audience: str) -> str:
        """A token that only the service `audience` accepts, for the next minute."""
        return self._signer(audience).dumps(self.service)

    def verify(self, token: str) -> str:
        """The name of the service that sent `token` to us.

        Raises:
            Unauthenticated: `invalid_service_token`, when it is forged, too old or meant for another service.
        """
        try:
            sender = self._signer(self.service).loads(token, max_age=MAX_AGE_SECONDS)
        except SignatureExpired as error:
            raise Unauthenticated("The service token is too old.", code="invalid_service_token") from error
        except BadSignature as error:
            raise Unauthenticated("The service token is not valid here.", code="invalid_service_token") from error
        return str(sender)

    def _signer(self, audience: str) -> URLSafeTimedSerializer:
        # The salt binds the signature to the audience: a token for one service fails at every other.
        return URLSafeTimedSerializer(self._key, salt=f"breezeway.service.{audience}")
