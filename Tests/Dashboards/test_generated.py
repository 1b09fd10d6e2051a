"""What is committed is what the mixin says."""

import subprocess

import dashboards


def test_the_committed_files_are_the_mixins_output(tmp_path):
    subprocess.run([dashboards.ROOT / ".ci" / "generate-dashboards", tmp_path], check=True)
    generated = {path.name: path.read_text() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text() for path in dashboards.FOLDER.iterdir() if path.suffix in (".json", ".yml")}
    assert sorted(generated) == sorted(committed)
    for name, text in generated.items():
        assert text == committed[name], f"{name} differs: run `make dashboards`"


def test_the_mixin_is_in_the_formatters_style():
    files = sorted(dashboards.MIXIN.parent.glob("*.libsonnet"))
    subprocess.run(["jsonnetfmt", "--test", *files], check=True)


def test_the_mixin_can_be_configured():
    program = f"(import '{dashboards.MIXIN}') + {{ _config+:: {{ destinationShare: 0.7, runbookUrl: 'https://wiki/' }} }}"
    for field, wanted in (("prometheusAlerts", "> 0.7"), ("grafanaDashboards", "https://wiki/TimeWaitOverflow.md")):
        run = subprocess.run(["jsonnet", "-e", f"({program}).{field}"], check=True, capture_output=True, text=True)
        assert wanted in run.stdout
