"""Multinomial logistic regression by scikit-learn, of features and labels by formula: what moco/eval/logistic_regression
finds. C is 1 / (l2 * n)."""
import numpy as np
from sklearn.linear_model import LogisticRegression

from formula import formula
from pack import save_pack

N, D, CLASSES = 300, 7, 3


def labels():
    """The class whose feature is the largest of the first three, with every seventh label moved on by one."""
    x = features()
    classes = x[:, :CLASSES].argmax(1)
    n = np.arange(N)
    return np.where(n % 7 == 0, (classes + 1) % CLASSES, classes)


def features():
    return formula((N, D), 700).astype(np.float64)


def case(l2):
    model = LogisticRegression(C=1 / (l2 * N), tol=1e-8, max_iter=10000).fit(features(), labels())
    log_p = model.predict_log_proba(features())
    loss = -log_p[np.arange(N), labels()].mean() + l2 / 2 * (model.coef_**2).sum()
    # Biases are free up to a constant; they are compared with mean 0.
    return {"weight": model.coef_, "bias": model.intercept_ - model.intercept_.mean(), "loss": np.array([loss])}


if __name__ == "__main__":
    save_pack("logistic", {f"{name}.{key}": value for name, l2 in (("strong", 1e-1), ("weak", 1e-3))
                           for key, value in case(l2).items()})
