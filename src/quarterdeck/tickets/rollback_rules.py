"""Pure rules of rollbacks: what a plan must say, when one may be begun, who does which step, what closes the ticket."""

from datetime import datetime

from quarterdeck.kernel.decision import ALLOWED, Decision, all_of, refuse, require_that
from quarterdeck.tickets.rollback_terms import RollbackPlan, RollbackView, StepKind, StepState, StepView
from quarterdeck.tickets.terms import Content, State

MOST_STEPS = 40
LONGEST_TEXT = 2000
LONGEST_BOX = 24 * 60
SHORTEST_SUMMARY = 20
_BOOT_PLACES = ("/boot", "/usr/lib/firmware", "/lib/firmware", "/usr/lib/modules", "/lib/modules")
_BOOT_PACKAGES = (
    "package:linux-image",
    "package:kernel",
    "package:linux-firmware",
    "package:firmware-",
    "package:fwupd",
)


def sound_plan(plan: RollbackPlan | None, content: Content) -> Decision:
    """Decide whether a plan can be kept: steps with owners, a time box, a trigger; automated steps say on what."""
    if plan is None:
        return ALLOWED
    assets, texts = {one.asset_id for one in content.assets}, [plan.trigger, *(one.text for one in plan.steps)]
    automated = [one for one in plan.steps if one.kind is not StepKind.MANUAL]
    return all_of(
        [
            require_that(
                0 < plan.minutes <= LONGEST_BOX,
                "rollback.time_box",
                f"The rollback has no time box of 1 to {LONGEST_BOX} minutes.",
                "Say within how many minutes the system is back.",
            ),
            require_that(
                0 < len(plan.steps) <= MOST_STEPS
                and all(text.strip() and len(text) <= LONGEST_TEXT and text.isprintable() for text in texts),
                "rollback.texts",
                f"The trigger and 1 to {MOST_STEPS} steps each say something, on one line.",
                "Write when to go back, and what is done then, one step a line.",
            ),
            require_that(
                all(one.owner for one in plan.steps),
                "rollback.owner",
                "A step has nobody who does it.",
                "Name a person for each step.",
            ),
            require_that(
                all(one.asset in assets for one in automated),
                "rollback.asset",
                "A step that runs by itself names no asset of this ticket.",
                "Name the asset whose snapshot is reverted, or on which the playbook runs.",
            ),
            require_that(
                all(one.item in content.items for one in automated if one.kind is StepKind.PLAYBOOK),
                "rollback.playbook",
                "A playbook of the rollback is not among the ticket's mechanisms.",
                "Name it among the tools, techniques and mechanisms, so that its hash is approved.",
            ),
            require_that(
                not plan.boot_media or plan.boot_media in content.items,
                "rollback.boot_media",
                "The boot media is not among the tools of the ticket.",
                "Name it there, so that its hash is approved.",
            ),
        ]
    )


def changes_boot(content: Content) -> bool:
    """True when the work changes kernel or firmware: it says so, or declares such paths or packages."""
    said = content.rollback_plan is not None and content.rollback_plan.boots
    places = (place.rstrip("*").rstrip("/") for place in content.expected_paths)
    return said or any(
        place.startswith(_BOOT_PACKAGES) or any(place == boot or place.startswith(boot + "/") for boot in _BOOT_PLACES)
        for place in places
    )


def boot_is_prepared(content: Content) -> Decision:
    """Decide whether a change of kernel or firmware has a way back: known-good boot media, a time-boxed procedure."""
    plan = content.rollback_plan
    if not changes_boot(content):
        return ALLOWED
    if plan is None:
        return refuse(
            "recovery.no_plan",
            "Kernel or firmware changes, and no recovery procedure with a time box is written.",
            "Write the rollback as steps with a time box and a trigger.",
        )
    return require_that(
        bool(plan.boot_media),
        "recovery.no_boot_media",
        "Kernel or firmware changes, and no known-good boot media is named.",
        "Register the media with its hash, name it among the tools, and as the boot media of the rollback.",
    )


def may_begin(state: State, plan: RollbackPlan | None, begun: RollbackView | None) -> Decision:
    """Decide whether a rollback may begin now."""
    return all_of(
        [
            require_that(
                state in (State.OPEN, State.VERIFYING),
                "rollback.not_now",
                f"The ticket is {state.replace('_', ' ')}: there is no work to go back from.",
                "A rollback begins while work is open or being verified.",
            ),
            require_that(
                plan is not None,
                "rollback.no_plan",
                "The ticket has no rollback in steps.",
                "Go back by hand and close the ticket as rolled back.",
            ),
            require_that(begun is None, "rollback.begun", "The rollback was begun already.", "Go on with its steps."),
        ]
    )


def may_tell(view: RollbackView | None, number: int, person: str, *, leads: bool) -> Decision:
    """Decide whether a person may say what became of a step: its owner, or who leads the work."""
    if view is None:
        return refuse("rollback.not_begun", "No rollback was begun.", "Begin it on the ticket's page.")
    step = next((one for one in view.steps if one.number == number), None)
    if step is None:
        return refuse("rollback.no_step", "The rollback has no such step.", "Choose one of those that are shown.")
    return all_of(
        [
            require_that(
                step.state is not StepState.DONE, "rollback.step_done", "That step is done already.", "Go on."
            ),
            not_under_way(step),
            require_that(
                person == step.step.owner or leads,
                "rollback.not_yours",
                "Another person does that step.",
                "Its owner, or the IT lead, says what became of it.",
            ),
        ]
    )


def not_under_way(step: StepView) -> Decision:
    """Decide whether nothing of ours touches the asset for this step now; what is half done is told by nobody."""
    return require_that(
        step.state is not StepState.UNDER_WAY,
        "rollback.step_under_way",
        "That step is being done right now.",
        "Wait until it is over; if nothing moves any more, run again what runs by itself.",
    )


def at_work(state: State) -> Decision:
    """Decide whether a rollback goes on in this state of its ticket."""
    return require_that(
        state in (State.OPEN, State.VERIFYING),
        "rollback.not_now",
        f"The ticket is {state.replace('_', ' ')}: there is no work to go back from.",
        "A rollback goes on while work is open or being verified.",
    )


def may_run(view: RollbackView | None, number: int) -> Decision:
    """Decide whether a process of ours may do this step now: begun, its turn, and not under way already."""
    if view is None:
        return was_begun(view)
    step = view.next_step
    if step is None or step.number != number or step.step.kind is StepKind.MANUAL:
        return refuse("rollback.not_its_turn", "It is not this step's turn.", "Look at the rollback's steps.")
    asked = require_that(
        step.state is not StepState.FAILED,
        "rollback.step_failed",
        "That step failed; it is not tried again unasked.",
        "Look at the asset, then run it again, or do it by hand and say so.",
    )
    return all_of([not_under_way(step), asked])


def may_end_step(view: RollbackView | None, number: int) -> Decision:
    """Decide whether a process of ours may say what became of a step: it is its turn, and it runs by itself."""
    if view is None:
        return was_begun(view)
    step = view.next_step
    return require_that(
        step is not None and step.number == number and step.step.kind is not StepKind.MANUAL,
        "rollback.not_its_turn",
        "It is not this step's turn.",
        "Look at the rollback's steps.",
    )


def may_repeat(view: RollbackView | None, *, waits: bool) -> Decision:
    """Decide whether what comes next by itself may be asked for again; `waits`: somebody asked, it is not over."""
    if view is None:
        return was_begun(view)
    step = view.next_step
    return all_of(
        [
            require_that(
                step is not None and step.step.kind is not StepKind.MANUAL,
                "rollback.nothing_by_itself",
                "What comes next is done by a person, or nothing is left to do.",
                "Do the next step and say so.",
            ),
            require_that(
                not waits,
                "rollback.step_under_way",
                "That step was asked for and is not over.",
                "Wait until it is over, or stop it.",
            ),
        ]
    )


def measured_since(view: RollbackView, before: datetime | None, after: datetime | None) -> Decision:
    """Decide whether what was measured before the work was measured again once the rollback was over (CM.L2-3.4.1)."""
    ended = view.ended_at
    return require_that(
        before is None or ended is None or (after is not None and after >= ended),
        "rollback.not_measured",
        "The assets were not measured since the rollback was over, so nobody knows whether they came back.",
        "Measure again: run the verification once more.",
    )


def was_begun(view: RollbackView | None) -> Decision:
    """Decide whether there is a rollback to go on with."""
    return require_that(
        view is not None, "rollback.not_begun", "No rollback was begun.", "Begin it on the ticket's page."
    )


def after_action(summary: str) -> Decision:
    """Decide whether a text can be the after-action summary of a ticket that was rolled back."""
    return require_that(
        len(summary.strip()) >= SHORTEST_SUMMARY,
        "summary.after_action",
        "A ticket that was rolled back closes with its after-action summary.",
        "Say what failed, what was put back, and what comes next.",
    )


def may_end(view: RollbackView | None, plan: RollbackPlan | None, *, rolled_back: bool) -> Decision:
    """Decide whether the ticket may close like this: as rolled back exactly when it was."""
    if not rolled_back:
        return require_that(
            view is None,
            "rollback.was_begun",
            "The work was rolled back, so the ticket does not close as done.",
            "Close it as rolled back, with a summary of what failed.",
        )
    return all_of(
        [
            require_that(
                view is not None or plan is None,
                "rollback.not_begun",
                "The ticket has a rollback in steps, and it was never begun.",
                "Begin the rollback, or close the ticket as done.",
            ),
            require_that(
                view is None or view.is_done,
                "rollback.steps_open",
                "A step of the rollback is not done.",
                "Do it, or have its owner say that it is done.",
            ),
        ]
    )
