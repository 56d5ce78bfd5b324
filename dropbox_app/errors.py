"""What can go wrong, in the words of the domain.

Nothing here knows HTTP: `routes/problems.py` holds the one table that turns these into status codes. Every message
is written for the person who caused it, and carries no secret, no file name, no file ID and no address.
"""


class TwinlockError(Exception):
    """Anything this project refuses to do, or could not do."""


class Refused(TwinlockError):
    """An input breaks a rule that its sender can mend.

    Args:
        field: The name of the field on the wire, for example ``first_password``.
        reason: One sentence that says what is wrong with it.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class WrongPasswords(TwinlockError):
    """The two passwords are not those of the drop or container. Which one is wrong cannot be known."""


class DamagedContainer(TwinlockError):
    """Bytes that are no Container v1, or no longer the one that was sealed."""


class DropNotFound(TwinlockError):
    """The drop is unknown, expired, used up or deleted. Which of these is never said."""


class WrongOwnerToken(TwinlockError):
    """The drop is there, but the owner token is not its own."""


class TooLarge(TwinlockError):
    """More bytes than the service takes.

    Args:
        limit: The most it would have taken, in bytes.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit} bytes are taken")
        self.limit = limit


class StoreFull(TwinlockError):
    """The disk, the quota or the account has no room for the drop."""


class StoreUnavailable(TwinlockError):
    """A store did not answer, or not as it should. Says nothing about whether a drop exists."""


class Throttled(TwinlockError):
    """Too many tries.

    Args:
        retry_after: Whole seconds after which the next try is looked at.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"wait {retry_after} seconds")
        self.retry_after = retry_after


class Busy(TwinlockError):
    """The service has as much to hash as it allows itself.

    Args:
        retry_after: Whole seconds after which a try is likely to be taken.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"busy, try again in {retry_after} seconds")
        self.retry_after = retry_after


class DropExists(TwinlockError):
    """The registry has a record of this file ID already."""


class BadRequest(TwinlockError):
    """A request that cannot be read: no field is to blame, its form is.

    Args:
        reason: One sentence that says what is wrong.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnsupportedMediaType(BadRequest):
    """A body of a kind that is not read here."""


class PlainWayOff(TwinlockError):
    """The plain way is switched off in this service."""
