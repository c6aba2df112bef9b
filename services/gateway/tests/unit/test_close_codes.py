"""The codes are a contract with every client."""

from gateway_service.domain.close_codes import CloseCode, may_reconnect


def test_codes_say_whether_to_come_back() -> None:
    assert {code: may_reconnect(code) for code in CloseCode} == {
        CloseCode.UNAUTHENTICATED: True,
        CloseCode.TOO_SLOW: True,
        CloseCode.GOING_AWAY: True,
        CloseCode.INTERNAL: True,
        CloseCode.BAD_REQUEST: False,
        CloseCode.FORBIDDEN: False,
        CloseCode.TOO_MANY_CONNECTIONS: False,
    }
    assert [int(code) for code in CloseCode] == [4401, 4408, 4410, 4411, 4500, 4503, 4504]
