# Stand-ins for what a test machine has not got, or should not do again; everything else runs for real. A recipe for the
# tiny model runs for real at the sizes of the tests, in run folders that are laid out already; for any other model its
# settings are resolved, and the engine that its launcher would start is held against them. Sourced by bash before the commands of a page.
set -euo pipefail

python() {
  case "${1:-}" in
    recipes/*.py)
      case " $* " in
        *" --print_config "* | *" --help "* | *" --dry_run "*) command "$PYTHON" "$@" ;;
        *reproduce.py*) command "$PYTHON" "$@" --dry_run >/dev/null ;;
        *" --model tiny "*) command "$PYTHON" "$@" $SMALL ;;
        *" --model "*) command "$PYTHON" "$@" --print_config >/dev/null ;;
        *) command "$PYTHON" "$@" $SMALL ;;
      esac ;;
    -m) case "$2" in
          nltk.downloader | sglang.launch_server) ;;
          *.build) command "$PYTHON" -m "$2" --help >/dev/null ;;
          *) command "$PYTHON" "$@" ;;
        esac ;;
    *) command "$PYTHON" "$@" ;;
  esac
}

accelerate() {
  test "$1" = launch
  shift
  local file=""
  while [[ "$1" == --* ]]; do
    case "$1" in --config_file) file="$2" ;; esac
    shift 2
  done
  command "$PYTHON" "$REHEARSAL/launched.py" "$file" "$@"
  python "$@"
}

autoif() {
  case " $* " in
    *" --evaluation.judge.model "*) command "$PYTHON" -m autoif_train.cli "$1" --help >/dev/null ;;
    *) command "$PYTHON" -m autoif_train.cli "$@" ;;
  esac
}
make() { command make --dry-run "$@" >/dev/null; }
sbatch() { command bash -n "$1"; }
bash() { command bash -n "$1"; }
pip() { command "$PYTHON" "$REHEARSAL/extras.py" "$@"; }
vllm() { :; }
unzip() { :; }
