"""Reference numbers of the metrics: `python3 metrics.py` writes metrics.hpp beside it. Needs scikit-learn."""
import numpy as np
import sklearn
from sklearn import metrics

from header import write

random = np.random.default_rng(20240503)
SAMPLES, CLASSES = 60, 6

# Class 4 has no samples, class 5 is never predicted, and class 3 is neither.
scores = random.normal(size=(SAMPLES, CLASSES))
labels = random.choice([0, 1, 2, 5], p=[0.5, 0.3, 0.15, 0.05], size=SAMPLES)
scores[np.arange(SAMPLES), labels] += 1.5
scores[:, [3, 5]] -= 10
numbers = {"scores": scores, "labels": labels}
predicted, classes = scores.argmax(1), np.arange(CLASSES)
assert 4 in predicted and 5 in labels

numbers["confusion"] = metrics.confusion_matrix(labels, predicted, labels=classes)
numbers["accuracy"] = metrics.accuracy_score(labels, predicted)
for k in range(1, CLASSES):
    numbers[f"top_{k}"] = metrics.top_k_accuracy_score(labels, scores, k=k, labels=classes)
for average in None, "macro", "weighted", "micro":
    found = metrics.precision_recall_fscore_support(labels, predicted, labels=classes, average=average, zero_division=0)
    for name, value in zip(("precision", "recall", "f1"), found):
        numbers[f"{name}/{average}" if average else name] = value

truth = random.normal(size=(20, 3)) * [1, 100, 0.01] + [0, 1000, 5]
guess = truth + random.normal(size=(20, 3)) * [0.3, 60, 0.02]
constant = np.full((20, 1), 0.5)  # whose mean is exact, so that scikit-learn sees that it is constant
numbers |= {"truth": truth, "guess": guess}
for name, y, p in [("several", truth, guess), ("one", truth[:, 1], guess[:, 1]),
                   ("constant", np.hstack([truth, constant]), np.hstack([guess, constant + 1])),
                   ("constant_met", np.hstack([truth, constant]), np.hstack([guess, constant]))]:
    numbers[f"{name}/mean_absolute_error"] = metrics.mean_absolute_error(y, p)
    numbers[f"{name}/mean_squared_error"] = metrics.mean_squared_error(y, p)
    numbers[f"{name}/root_mean_squared_error"] = metrics.root_mean_squared_error(y, p)
    numbers[f"{name}/r2_score"] = metrics.r2_score(y, p)

write(__file__, numbers, f"scikit-learn {sklearn.__version__}")
