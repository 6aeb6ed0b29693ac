"""Options of the strategies that train on unlabelled text first."""

from ...utils.options import Option

TEXT_OPTIONS = {
    "text_epochs": Option(1, "epochs over --heal_text, before the task", least=1),
    "text_learning_rate": Option(0.0, "learning rate over --heal_text; 0 is the run's", least=0),
}
