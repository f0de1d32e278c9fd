"""The doctor's report as plain text: aligned columns, sizes in decimal GB."""

from workflow_scripts.planning.assessment import Plan, Problems, gigabytes
from workflow_scripts.planning.effort import total_seconds, wall_seconds
from workflow_scripts.planning.machine import Machine
from workflow_scripts.planning.storage import Artifacts
from workflow_scripts.planning.words import UNKNOWN, columns, duration


def machine_lines(machine: Machine) -> list[str]:
    """What the machine offers."""
    limit = f" (limit of the control group: {gigabytes(machine.limit)})" if machine.limit else ""
    hub = "offline (HF_HUB_OFFLINE)" if machine.hub.offline else ("reached" if machine.hub.reachable else "not reached")
    rows = [
        ("cores", str(machine.cores)),
        ("memory", f"{gigabytes(machine.memory)}, {gigabytes(machine.available)} free now{limit}"),
        ("disk", f"{gigabytes(machine.disk)} free where results/ will be"),
        ("torch", f"{machine.torch}, built for {machine.build}"),
        *(
            (f"GPU {i}", f"{g.name}, {gigabytes(g.total)}, {gigabytes(g.free)} free")
            for i, g in enumerate(machine.gpus)
        ),
        ("hub", f"{hub}, {'a' if machine.token else 'no'} token is there"),
    ]
    return ["This machine", *columns(rows)]


def study_lines(plan: Plan) -> list[str]:
    """What the study computes, and where."""
    study = plan.study
    models = [
        (
            name,
            f"{shape.parameters / 1e6:,.0f} M parameters, {shape.prunable / 1e6:,.0f} M of them may go"
            if shape
            else UNKNOWN,
        )
        for name, shape in plan.shapes.items()
    ]
    threads = f"{study.compute.threads} thread{'s' if study.compute.threads > 1 else ''} a job"
    where = f"{plan.device}, {plan.dtype}, {threads}, {plan.rate / 1e9:,.0f} GFLOP/s a job ({'assumed' if plan.assumed else 'measured now'})"
    return [f"Study {study.study}", *columns([*models, ("computes on", where)])]


def job_lines(plan: Plan) -> list[str]:
    """Jobs, time and memory, a line a stage, and the total."""
    rows = [("stage", "jobs", "a job", "all", "memory a job")]
    for stage in plan.stages:
        known = stage.seconds is not None
        rows.append(
            (
                stage.rule,
                str(stage.jobs),
                duration(stage.seconds / stage.jobs) if known else UNKNOWN,
                duration(wall_seconds(stage, plan.side_by_side)) if known else UNKNOWN,
                gigabytes(stage.memory) if known else UNKNOWN,
            )
        )
    total = total_seconds(plan.stages, plan.side_by_side)
    partly = "at least " if any(stage.seconds is None for stage in plan.stages) else ""
    jobs = sum(stage.jobs for stage in plan.stages)
    rows.append(("together", str(jobs), "", f"{partly}{duration(total)}", ""))
    note = f"  {plan.side_by_side} at a time; an estimate, right within a factor of two; results that are there cost nothing."
    return ["Jobs of a first run", *columns(rows, right=(1, 2, 3, 4)), note, *_gpu_lines(plan)]


def _gpu_lines(plan: Plan) -> list[str]:
    if plan.device != "cuda":
        return []
    there = f" of {gigabytes(plan.assumed.memory)}" if plan.assumed else ""
    return [
        f"  {plan.gpu_seconds / 3600:,.1f} GPU hours; the largest job holds {gigabytes(plan.gpu_memory)}{there} on its GPU."
    ]


def disk_lines(plan: Plan) -> list[str]:
    """Disk by kind of artifact."""
    rows = [("below results/", "files", "size", "")]
    for found in plan.artifacts:
        if found.files:
            rows.append((found.kind, str(found.files), gigabytes(found.bytes), _kept(plan, found)))
    rows.append(("together", "", gigabytes(sum(found.bytes for found in plan.artifacts)), ""))
    lines = ["Disk", *columns(rows, right=(1, 2))]
    if plan.already:
        lines.append(f"  {gigabytes(plan.already)} of it are there already.")
    if any(source.hub for source in plan.study.models.values()):
        lines.append("  Models of the hub are in its own cache besides, which is not below results/.")
    return lines


def _kept(plan: Plan, found: Artifacts) -> str:
    if found.keep is None:
        return ""
    return f"keep.{found.keep}: {str(getattr(plan.study.keep, found.keep)).lower()}"


def afterwards_lines(plan: Plan) -> list[str]:
    """What may be deleted afterwards, what that frees, and what making it anew costs."""
    rows = []
    for found in plan.artifacts:
        if found.keep and found.files:
            goes = "stays" if getattr(plan.study.keep, found.keep) else "goes by itself"
            rows.append((found.kind, goes, gigabytes(found.bytes), _remaking(plan, found.keep)))
    if not rows:
        return []
    return ["What may be deleted afterwards (set `keep` in the study)", *columns(rows, right=(2,))]


def _remaking(plan: Plan, key: str) -> str:
    seconds = {stage.rule: wall_seconds(stage, plan.side_by_side) for stage in plan.stages}
    again = seconds.get("prune_model_and_weights", 0)
    if key == "weights":
        return f"a further evaluation language prunes again: {duration(again)}"
    if key == "windows":
        everything = again + seconds.get("prune_model", 0)
        return f"a further method or pattern prunes the others again too: {duration(everything)}"
    return f"the next job on the model restores it: {duration(seconds['prepare_model'])}"


def problem_lines(problems: Problems) -> list[str]:
    """What stands in the way, the worst first."""
    if not problems.fatal and not problems.minor:
        return ["Nothing stands in the way: snakemake -n shows what would run."]
    lines = []
    for title, found in (("This will fail", problems.fatal), ("Take note", problems.minor)):
        lines += [title, *(f"  - {sentence}" for sentence in found)] if found else []
    return lines
