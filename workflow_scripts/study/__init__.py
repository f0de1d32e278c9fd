"""The study: a typed model of its YAML file, and the only package that knows the configuration's shape.

`sections` says which keys there are, `values` what they take, `checks` what must hold between them; `errors` words the
mistakes, `file` finds their lines, `reading` puts it all together; `remarks` says what is no mistake and may not be meant. Steps do not import it, so that a new key recomputes
nothing.
"""

from workflow_scripts.study.errors import StudyError
from workflow_scripts.study.reading import DEFAULT, read_file, read_study
from workflow_scripts.study.remarks import not_here, remarks
from workflow_scripts.study.sections import (
    STATED,
    EmbeddedCorpus,
    ModelSource,
    Study,
    corpus_files,
    numbered,
)

__all__ = [
    "DEFAULT",
    "STATED",
    "EmbeddedCorpus",
    "ModelSource",
    "Study",
    "StudyError",
    "corpus_files",
    "not_here",
    "numbered",
    "read_file",
    "read_study",
    "remarks",
]
