"""Public verbs and reads of baselines: the only module of this app that others import."""

from quarterdeck.baselines.bootstrap import bootstrap_command, check_call, collector_bytes, collector_sha256
from quarterdeck.baselines.carrying import FULL_EVERY, CannotCarry, Known, carried
from quarterdeck.baselines.comparing import compare_baselines as compare
from quarterdeck.baselines.device_words import CONFIGURATION, FAMILIES, VERSION
from quarterdeck.baselines.devices import (
    CONFIGURATION_PATH,
    DeviceFacts,
    device_command,
    device_lines,
    family_sha256,
    image_arguments,
    read_device,
)
from quarterdeck.baselines.devices import (
    MODE as DEVICE_MODE,
)
from quarterdeck.baselines.devices import (
    ROOT as DEVICE_ROOT,
)
from quarterdeck.baselines.diff import ChangeKind, NotComparable
from quarterdeck.baselines.digests import newest_digests
from quarterdeck.baselines.drift_rules import rule_book as check_rules
from quarterdeck.baselines.fallback import fallback_bytes, fallback_command, fallback_sha256, receive_fallback
from quarterdeck.baselines.findings import check_findings, finding, findings, settle_finding, tickets_in_between
from quarterdeck.baselines.looking_up import measured_after, spelled
from quarterdeck.baselines.manifest import ManifestError, Reader, Totals, export_mtree, export_sha256sums, write
from quarterdeck.baselines.manifest import display as display_path
from quarterdeck.baselines.monitoring import (
    compare_monitored,
    is_monitoring_late,
    monitoring_due_at,
    record_monitor_failure,
    record_monitored,
    reference,
    runs,
)
from quarterdeck.baselines.ports import (
    DeviceCall,
    MeasureCancelled,
    MeasureChannel,
    MeasureFailed,
    MonitorChannel,
    Told,
    nobody_asks,
)
from quarterdeck.baselines.programs import command_for, is_installed, program_at, program_for
from quarterdeck.baselines.receiver import BadOutput, Header, Received, Through, receive
from quarterdeck.baselines.recording import baselines, newest, record_baseline, record_failure
from quarterdeck.baselines.rule_versions import RulesView, adopt_rules, adopted_rules, rules_history
from quarterdeck.baselines.rules import Disposition, DriftClass, Phase, Severity, check_reason, check_scope
from quarterdeck.baselines.settling import dispose, drift, drift_item, record_comparison
from quarterdeck.baselines.terms import (
    BaselineView,
    Comparison,
    DriftItemView,
    DriftView,
    Measurement,
    Monitored,
    RunView,
)
from quarterdeck.baselines.watch_rules import RunOutcome
from quarterdeck.baselines.windows import receive_windows, windows_bytes, windows_command, windows_sha256

__all__ = [
    "CONFIGURATION",
    "CONFIGURATION_PATH",
    "DEVICE_MODE",
    "DEVICE_ROOT",
    "FAMILIES",
    "FULL_EVERY",
    "VERSION",
    "BadOutput",
    "BaselineView",
    "CannotCarry",
    "ChangeKind",
    "Comparison",
    "DeviceCall",
    "DeviceFacts",
    "Disposition",
    "DriftClass",
    "DriftItemView",
    "DriftView",
    "Header",
    "Known",
    "ManifestError",
    "MeasureCancelled",
    "MeasureChannel",
    "MeasureFailed",
    "Measurement",
    "MonitorChannel",
    "Monitored",
    "NotComparable",
    "Phase",
    "Reader",
    "Received",
    "RulesView",
    "RunOutcome",
    "RunView",
    "Severity",
    "Through",
    "Told",
    "Totals",
    "adopt_rules",
    "adopted_rules",
    "baselines",
    "bootstrap_command",
    "carried",
    "check_call",
    "check_findings",
    "check_reason",
    "check_rules",
    "check_scope",
    "collector_bytes",
    "collector_sha256",
    "command_for",
    "compare",
    "compare_monitored",
    "device_command",
    "device_lines",
    "display_path",
    "dispose",
    "drift",
    "drift_item",
    "export_mtree",
    "export_sha256sums",
    "fallback_bytes",
    "fallback_command",
    "fallback_sha256",
    "family_sha256",
    "finding",
    "findings",
    "image_arguments",
    "is_installed",
    "is_monitoring_late",
    "measured_after",
    "monitoring_due_at",
    "newest",
    "newest_digests",
    "nobody_asks",
    "program_at",
    "program_for",
    "read_device",
    "receive",
    "receive_fallback",
    "receive_windows",
    "record_baseline",
    "record_comparison",
    "record_failure",
    "record_monitor_failure",
    "record_monitored",
    "reference",
    "rules_history",
    "runs",
    "settle_finding",
    "spelled",
    "tickets_in_between",
    "windows_bytes",
    "windows_command",
    "windows_sha256",
    "write",
]  # fmt: skip
