#include "moco/study/separability.h"

#include "core/autograd.h"
#include "core/error.h"
#include "moco/eval/classification.h"
#include "moco/eval/knn.h"
#include "moco/eval/logistic_regression.h"
#include "ops/linear.h"

namespace moco {

double separability(const LabelledFeatures& train, const LabelledFeatures& test, int64_t classes) {
    const LabelledRows known = labelled_rows(train.rows, train.labels);
    check(!known.labels.empty(), "separability: none of the {} training rows has a label", train.labels.size());
    const Standardisation standard = standardisation_of(known.rows);
    // Whether classes lie apart is settled long before the last digit of the loss is.
    LogisticOptions options;
    options.tolerance = 1e-4;
    const LogisticModel model =
        fit_logistic_regression(standardised(known.rows, standard), known.labels, classes, options);
    const NoGrad nothing_learns;
    return score_classification(linear(standardised(test.rows, standard), model.weight, model.bias), test.labels).top1;
}

}  // namespace moco
