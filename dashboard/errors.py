"""What the dashboard refuses, and why."""

from __future__ import annotations


class Refused(Exception):
    """Something that is not done: a stable `code`, what was found, and what to do instead. `status` is HTTP's."""

    def __init__(self, code: str, message: str, remedy: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.remedy, self.status = code, message, remedy, status


class SignInFirst(Refused):
    """Nobody knows who asks."""

    def __init__(self) -> None:
        super().__init__("SIGN_IN", "this dashboard wants a token", "sign in, or send it as `Bearer`", 401)
