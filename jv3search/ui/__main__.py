"""What `jv3search ui` has Streamlit run."""

import sys

from jv3search.ui.main import run
from jv3search.ui.server import ONE_INDEX

run(one_index=ONE_INDEX in sys.argv)
