"""What the log says of each evaluation."""

from healbert.experiment.per_epoch import per_epoch


def evaluated(step):
    return {"step": step, "epoch": step / 10, "eval_loss": 1.0, "eval_f1": 0.5}


def logged(step, loss):
    return {"step": step, "epoch": step / 10, "loss": loss}


def test_the_loss_is_the_mean_of_all_steps_since_the_evaluation_before():
    log = [logged(4, 3.0), logged(8, 2.0), logged(10, 1.0), evaluated(10), logged(20, 0.7), evaluated(20)]
    found = [entry["train_loss"] for entry in per_epoch(log, ["f1"])]
    assert found == [(4 * 3 + 4 * 2 + 2 * 1) / 10, 0.7]


def test_epochs_that_were_not_evaluated_do_not_count():
    log = [logged(10, 3.0), logged(20, 2.0), logged(25, 1.0), logged(30, 0.5), evaluated(30)]
    assert [entry["train_loss"] for entry in per_epoch(log, ["f1"])] == [0.75]


def test_without_a_log_there_is_no_loss():
    assert [entry["train_loss"] for entry in per_epoch([evaluated(10), evaluated(20)], ["f1"])] == [None, None]
    log = [logged(4, 3.0), evaluated(10)]  # of an earlier version: not all steps are known
    assert [entry["train_loss"] for entry in per_epoch(log, ["f1"])] == [None]
