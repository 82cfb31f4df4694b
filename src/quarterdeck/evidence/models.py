"""Rows of the ledger and what hangs on it; the canonical bytes of an entry are the truth, columns are projections."""

from django.db import models


class LedgerEntry(models.Model):
    """One appended act; update and delete are refused by trigger.

    Entries are found by what their bytes say (`finder`); the columns are for whoever looks at the table with SQL.
    """

    seq = models.BigIntegerField(primary_key=True)
    event_id = models.CharField(max_length=64, unique=True)
    body = models.BinaryField()
    leaf = models.BinaryField(max_length=32)
    at = models.DateTimeField()
    event = models.CharField(max_length=64)
    ticket = models.CharField(max_length=32, null=True)
    ticket_seq = models.BigIntegerField(null=True)
    actor_id = models.CharField(max_length=64)
    object_type = models.CharField(max_length=32)
    object_id = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ticket", "ticket_seq"], name="one_entry_per_ticket_seq"),
            models.CheckConstraint(
                condition=models.Q(ticket__isnull=True, ticket_seq__isnull=True)
                | models.Q(ticket__isnull=False, ticket_seq__isnull=False),
                name="ticket_and_its_seq",
            ),
        ]


class LedgerHead(models.Model):
    """The single head, locked once and last in an act."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    size = models.BigIntegerField()
    tip = models.BinaryField(max_length=32)
    frontier = models.BinaryField()
    last_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_ledger_head")]


class LedgerTile(models.Model):
    """256 hashes of one level of the tree (C2SP tlog-tiles), full tiles only; can be rebuilt from the entries."""

    level = models.PositiveSmallIntegerField()
    number = models.BigIntegerField()
    data = models.BinaryField(max_length=8192)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "number"], name="one_tile_per_place")]


class Artifact(models.Model):
    """A content-addressed file; the file is on disk before this row exists."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    size = models.BigIntegerField()
    media_type = models.CharField(max_length=100)
    may_contain_cui = models.BooleanField(default=True)
    state = models.CharField(max_length=10, default="present")
    retain_until = models.DateTimeField(null=True)


class ArtifactCopy(models.Model):
    """Where one store keeps an artifact, how it was when last read, and the lock that was asked for and is set.

    A row per artifact and store: while a store is being moved there are two. Believed by nobody who reads: bytes are
    hashed. `wanted_*` is what was decided, the columns without are what the store answered.
    """

    unguarded_reason = "state of an outside effect; what was decided of retention, holds and disposal are entries"

    sha256 = models.CharField(max_length=64)
    store = models.CharField(max_length=300)
    version = models.CharField(max_length=200, blank=True)
    checksum = models.CharField(max_length=120, blank=True)
    checked_at = models.DateTimeField(null=True)
    condition = models.CharField(max_length=10, blank=True)
    wanted_mode = models.CharField(max_length=12, blank=True)
    wanted_until = models.DateTimeField(null=True)
    wanted_hold = models.BooleanField(default=False)
    wanted_gone = models.BooleanField(default=False)
    mode = models.CharField(max_length=12, blank=True)
    until = models.DateTimeField(null=True)
    held = models.BooleanField(default=False)
    gone = models.BooleanField(default=False)
    settled = models.BooleanField(default=True)
    failures = models.PositiveIntegerField(default=0)
    next_try = models.DateTimeField(null=True)
    message = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sha256", "store"], name="one_copy_per_store")]
        indexes = [
            models.Index(fields=["settled", "next_try"], name="copy_by_settled"),
            models.Index(fields=["store", "checked_at"], name="copy_by_check"),
        ]


class ArtifactKey(models.Model):
    """The key of an artifact in a store that encrypts, wrapped by the store key; its row is all that there is of it.

    `object` is the SHA-256 of the encrypted bytes, under which the store has them.
    """

    unguarded_reason = "a secret, not an act; that two people had one destroyed is an entry"

    sha256 = models.CharField(max_length=64)
    store = models.CharField(max_length=300)
    object = models.CharField(max_length=64)
    wrapped = models.BinaryField(max_length=200)
    store_key = models.CharField(max_length=16)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sha256", "store"], name="one_key_per_store")]
        indexes = [models.Index(fields=["object"], name="key_by_object")]


class StoreJob(models.Model):
    """Long work on the store: reading it through, collecting garbage, moving it; progress, cancel, what was found."""

    unguarded_reason = "progress of work under way; what it found and did are entries"

    id = models.CharField(primary_key=True, max_length=24)
    kind = models.CharField(max_length=10)
    scope = models.CharField(max_length=300, blank=True)
    asked_by = models.CharField(max_length=64)
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, default="waiting")
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    cancel_asked = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(state__in=["waiting", "running"]), name="one_live_store_job"
            )
        ]


class StoreNote(models.Model):
    """What a process wrote down about the store for others to show: its properties as read back, how far a walk is."""

    unguarded_reason = "what was read back from outside, and places in the ledger up to which work is done"

    name = models.CharField(primary_key=True, max_length=40)
    store = models.CharField(max_length=300, blank=True)
    value = models.JSONField(default=dict)
    at = models.DateTimeField()


class ArtifactUse(models.Model):
    """Which entry names which artifact, in which role."""

    entry = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT)
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT)
    role = models.CharField(max_length=40)
    name = models.CharField(max_length=120)


class Commitment(models.Model):
    """Opening of a salted commitment that an entry carries; goes into the package, can be destroyed by disposal."""

    digest = models.CharField(max_length=64, primary_key=True)
    salt = models.BinaryField(max_length=16)
    value = models.TextField()


class RefusalTally(models.Model):
    """Refusals since the last entry about them: same actor, rule and ticket become one entry a minute."""

    unguarded_reason = "a counter between two entries, folded into the next one"

    actor_id = models.CharField(max_length=64)
    rule = models.CharField(max_length=64)
    ticket = models.CharField(max_length=32, default="")
    recorded_at = models.DateTimeField()
    folded = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["actor_id", "rule", "ticket"], name="one_tally")]


class Checkpoint(models.Model):
    """A signed head; not an entry, so that anchoring never changes what is anchored."""

    unguarded_reason = "design section 6: checkpoints are not entries"

    size = models.BigIntegerField(primary_key=True)
    root = models.CharField(max_length=64)
    body = models.BinaryField()
    sshsig = models.BinaryField()
    note = models.BinaryField()
    key_id = models.CharField(max_length=100)
    reason = models.CharField(max_length=40)
    at = models.DateTimeField()


class AnchorRoute(models.Model):
    """How it stands with one holder of checkpoints: what it got last, what failed, when it is tried again.

    Every checkpoint from `floor` on is owed to a holder who gets every one; receipts say which of them it has.
    """

    unguarded_reason = "state of an outside effect, like the receipts; that somebody asked for a trial is an entry"

    id = models.CharField(primary_key=True, max_length=16)
    channel = models.CharField(max_length=20)
    target = models.CharField(max_length=254)
    floor = models.BigIntegerField()
    taken_size = models.BigIntegerField(default=0)
    taken_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(null=True)
    sentence = models.CharField(max_length=500, blank=True)
    next_try = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "target"], name="one_route_per_holder")]


class AnchorReceipt(models.Model):
    """A checkpoint that somebody else holds, through which channel, and how independent that one is."""

    unguarded_reason = "design section 6: anchor receipts are not entries"

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="receipts")
    channel = models.CharField(max_length=20)
    target = models.CharField(max_length=254)
    grade = models.CharField(max_length=20)
    sent_at = models.DateTimeField()
    receipt = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["checkpoint", "channel", "target"], name="one_receipt_per_target")
        ]


class SealingTrouble(models.Model):
    """That the sealer refuses, or that a witness contradicts: how it stands now, one row a `kind`."""

    unguarded_reason = "how one of our processes is, not an act"

    kind = models.CharField(primary_key=True, max_length=220)
    code = models.CharField(max_length=64)
    sentence = models.TextField()
    next_step = models.TextField()
    since = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
