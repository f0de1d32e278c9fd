"""The jobs of a study as Snakemake itself has them, so that nothing here knows a rule. Nothing runs and nothing is written."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings, WorkflowSettings

SNAKEFILE = Path(__file__).parents[2] / "Snakefile"


def study_dag(configfile: Path | None, forceall: bool = False) -> Any:
    """Snakemake's DAG of a study, as for a run in the working directory; of the default study without `configfile`.

    Args:
        configfile: the study.
        forceall: whether all jobs are taken for necessary, whatever is there.
    """
    given = (configfile,) if configfile else ()
    quiet = OutputSettings(quiet={Quietness.ALL})
    with SnakemakeApi(quiet) as api, redirect_stdout(StringIO()):
        workflow = api.workflow(
            ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=given),
            workflow_settings=WorkflowSettings(),
            snakefile=SNAKEFILE,
        )
        # The one public way to a DAG without a run.
        workflow.dag(DAGSettings(forceall=forceall)).printrulegraph()
        return workflow._workflow.dag
