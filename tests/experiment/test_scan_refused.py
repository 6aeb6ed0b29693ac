"""What a scan refuses, in one line, before it measures anything."""

import pytest
from helpers.scans import save_classifier, scan_with

from healbert import UserError
from healbert.arguments.scan import make_scan

FLIPS = {"corrupt_method": "bit_flip", "over": "layers"}


@pytest.fixture(scope="module")
def settings(tiny_bert, csv_files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    asked = {"model_name_or_path": save_classifier(tiny_bert, folder / "saved"), **csv_files}
    return asked | {"use_cpu": True, "torch_num_threads": 1, "output_dir": str(folder / "scan")}


@pytest.mark.parametrize(
    "more, named",
    [
        ({"over": "layer"}, "did you mean 'layers'"),
        ({"over": "layers,bottom"}, "give layers or regions, not both"),
        ({"over": "bottom"}, "needs a --corrupt_level above 0"),
        ({"over": "layers", "corrupt_level": 0.5}, "layers are named in place of a level"),
        ({"corrupt_method": "drop_layers"}, "changes the model's depth and cannot be undone"),
        ({"strengths": "0.1"}, "method 'kaiming_uniform' has no strength"),
        (FLIPS | {"strengths": "1e-6,2"}, "rate 2.0 is out of range: 0 to 1"),
        (FLIPS | {"strengths": "often"}, "--strengths often are not numbers"),
        (FLIPS | {"strengths": "0.1", "corrupt_strength": 0.2}, "--strengths and --corrupt_strength exclude"),
        (FLIPS | {"by_bit": "40"}, "it has bits 0 to 31"),
        (FLIPS | {"by_bit": "0-99999999999"}, "it has bits 0 to 31"),
        (FLIPS | {"by_bit": "4", "corrupt_options": "bits=3"}, "--by_bit and option bits exclude each other"),
        ({"by_bit": "any"}, "--by_bit goes with methods that hit single bits \\(bit_flip, stuck_at\\)"),
        ({"repeats": 0}, "--repeats 0 is too small"),
        ({"until_width": 1.5}, "--until_width 1.5 is not above 0 and below 1"),
        ({"until_width": 0.1, "repeats": 9, "max_repeats": 3}, "--repeats 9 is more than --max_repeats 3"),
        ({"corrupt_components": "wing"}, "component 'wing' is not known"),
    ],
)
def test_refused_without_a_model(settings, more, named):
    with pytest.raises(UserError, match=named):
        make_scan(settings | {"model_name_or_path": "never/asked-for"} | more)


@pytest.mark.parametrize(
    "more, named",
    [
        ({"over": "layers", "corrupt_layers": "0,9"}, "there is no layer 9; the model has layers 0 to 3"),
        ({"over": "layers", "corrupt_parameters": "nothing"}, "--corrupt_parameters nothing matches nothing"),
        ({"validation_file": None, "test_file": "unlabelled"}, "label"),
    ],
)
def test_refused_with_the_model(settings, tmp_path, more, named):
    if more.get("test_file"):
        (tmp_path / "test.csv").write_text("text\na good film\n")
        more = more | {"test_file": str(tmp_path / "test.csv")}
    asked = {name: value for name, value in (settings | more).items() if value is not None}
    with pytest.raises(UserError, match=named):
        scan_with(asked)


def test_folder_of_a_run_without_its_model(run_flags):
    from healbert import make_arguments, run_experiment

    with pytest.raises(UserError, match="did not|does not exist"):
        make_scan({"model": "./nothing-here"})
    run_experiment(make_arguments(**run_flags, max_steps=1))
    with pytest.raises(UserError, match="a run without its model; run it again with --save_model"):
        make_scan({"model": run_flags["output_dir"]})


def test_data_of_ones_own_replaces_all_of_the_runs(run_flags, csv_files, tmp_path):
    from healbert import make_arguments, run_experiment

    run_experiment(make_arguments(**run_flags, max_steps=1, save_model=True, max_eval_samples=20))
    model = {"model": run_flags["output_dir"], "output_dir": str(tmp_path / "scan"), "use_cpu": True}
    assert make_scan(model).arguments.data.max_eval_samples == 20
    other = make_scan(model | {"task_name": "rte"}).arguments.data
    assert other.train_file is None and other.max_eval_samples is None


def test_the_folder_of_a_scan_is_no_model(settings, tmp_path):
    folder = tmp_path / "scan"
    scan_with(settings, output_dir=str(folder), over="layers", max_eval_samples=8)
    with pytest.raises(UserError, match="holds a scan, and no model; name the model that was scanned"):
        make_scan(settings | {"model_name_or_path": str(folder)})
