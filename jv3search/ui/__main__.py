"""What `jv3search ui` has Streamlit run."""

from jv3search.ui.main import run

run()
