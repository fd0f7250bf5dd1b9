"""The design's error table, transcribed by hand for the tests: what is written here was not made from the data.

A cell is `verbs`, or `verbs xN, then verbs`: the first hold for N failures in a row. The place column is what the
design says of a first attempt that was answered; `unknown` and `rejected` are its verdict, the rest its consequences.
"""

DESIGN = """
class                    | read                | stream                 | place                  | cancel
BaseError                | retry x2, escalate  | retry x2, escalate     | unknown                | reconcile
ExchangeError            | retry x2, restart   | retry x2, restart      | unknown                | reconcile
AuthenticationError      | stop_venue halt     | stop_venue halt        | rejected halt          | halt
PermissionDenied         | stop_capability     | stop_capability        | rejected               | escalate
AccountNotEnabled        | stop_venue halt     | stop_venue halt        | rejected               | escalate
AccountSuspended         | halt                | halt                   | rejected halt          | halt
ArgumentsRequired        | escalate            | escalate               | denied                 | escalate
BadRequest               | resume x1, escalate | resume x1, escalate    | rejected               | reconcile
BadSymbol                | stop_symbol         | stop_symbol            | rejected               | reconcile
OperationRejected        | resume              | resume                 | rejected               | reconcile
NoChange                 | resume              | resume                 | unknown resume success | resume success
MarginModeAlreadySet     | resume              | resume                 | unknown resume success | resume success
MarketClosed             | pause               | pause                  | rejected pause         | resume
ManualInteractionNeeded  | halt                | halt                   | rejected halt          | halt
RestrictedLocation       | stop_venue          | stop_venue             | rejected halt          | halt
InsufficientFunds        | resync              | resync                 | rejected               | none
InvalidAddress           | stop_capability     | stop_capability        | rejected               | none
AddressPending           | retry               | retry                  | rejected               | none
InvalidOrder             | retry               | retry                  | rejected               | reconcile
OrderNotFound            | miss                | miss                   | unknown none           | reconcile
OrderNotCached           | miss                | miss                   | unknown none           | reconcile
OrderImmediatelyFillable | none                | none                   | rejected               | reconcile
OrderNotFillable         | none                | none                   | rejected               | reconcile
DuplicateOrderId         | none                | none                   | unknown halt           | reconcile
ContractUnavailable      | stop_symbol         | stop_symbol            | rejected               | reconcile
NotSupported             | stop_capability     | stop_capability        | denied                 | escalate
InvalidProxySettings     | stop_venue          | stop_venue             | denied                 | stop_venue
ExchangeClosedByUser     | restart             | restart                | unknown                | reconcile
OperationFailed          | retry               | reconnect              | unknown                | reconcile
NetworkError             | retry               | reconnect resync       | unknown                | reconcile
DDoSProtection           | pause               | pause                  | unknown pause          | pause
RateLimitExceeded        | pause               | pause                  | unknown pause          | pause
ExchangeNotAvailable     | retry               | reconnect              | unknown                | reconcile
OnMaintenance            | pause resync        | pause resync           | unknown pause          | pause
InvalidNonce | resync_clock retry x3, halt|resync|rejected resync_clock x3, rejected halt|resync_clock retry x3, halt
ChecksumError            | resync              | resync                 | unknown none           | none
RequestTimeout           | retry               | reconnect              | unknown                | reconcile
BadResponse              | retry x5, escalate  | reconnect x5, escalate | unknown                | reconcile
NullResponse             | retry x5, escalate  | reconnect x5, escalate | unknown                | reconcile
CancelPending            | resume              | resume                 | unknown none           | resume
UnsubscribeError         | resume              | resume                 | unknown none           | none
Exception                | restart             | restart                | unknown restart        | reconcile restart
LookupError              | restart             | restart                | unknown restart        | reconcile restart
ArithmeticError          | restart             | restart                | unknown restart        | reconcile restart
TypeError                | restart             | restart                | unknown restart        | reconcile restart
ValueError               | restart             | restart                | unknown restart        | reconcile restart
KeyError                 | restart             | restart                | unknown restart        | reconcile restart
VenueConfigError         | stop_venue          | stop_venue             | denied                 | stop_venue
Timeout                  | retry               | retry                  | unknown                | reconcile
ActorDeadError           | resume              | resume                 | denied                 | reconcile
AssertionError           | halt                | halt                   | unknown halt           | halt
BaseException            | retry               | reconnect              | unknown                | reconcile
"""

VERDICTS = {"unknown": "reconcile", "rejected": "reject", "denied": "deny"}


class Expected:
    """One cell: verbs for failures up to `tries` in a row, then others."""

    def __init__(self, text: str) -> None:
        first, _, after = text.partition(", ")
        words = first.split()
        self.tries = int(words.pop()[1:]) if words[-1][0] == "x" and words[-1][1:].isdigit() else None
        self.verbs = {VERDICTS.get(word, word) for word in words}
        self.after = {VERDICTS.get(word, word) for word in after.removeprefix("then ").split()}
        self.verdict = words[0] if words[0] in VERDICTS else ""

    def at(self, streak: int) -> set[str]:
        """What holds for the streak-th failure in a row."""
        return self.after if self.tries is not None and streak > self.tries else self.verbs


def rows() -> dict[str, dict[str, Expected]]:
    """Column by class."""
    head, *lines = [[cell.strip() for cell in line.split("|")] for line in DESIGN.strip().splitlines()]
    return {line[0]: {name: Expected(text) for name, text in zip(head[1:], line[1:], strict=True)} for line in lines}
