#include "moco/eval/logistic_regression.h"

#include <lbfgs.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "ops/cross_entropy.h"
#include "ops/linear.h"

namespace moco {
namespace {

constexpr int64_t kRowsAtOnce = 1 << 16;  // of logits that are held

/// The objective over one flat vector: weights, then biases.
class Objective {
  public:
    Objective(const Tensor& features, const std::vector<int64_t>& labels, int64_t classes, double l2)
        : x_(features), l2_(l2), w_(classes * features.dim(1)), b_(classes) {
        Backend& backend = x_.backend();
        weight_ = Tensor::zeros({classes, x_.dim(1)}, DType::f32, backend);
        bias_ = Tensor::zeros({classes}, DType::f32, backend);
        labels_ = Tensor::from_host(labels, {std::ssize(labels)}, backend);
        weight_.set_requires_grad(true);
        bias_.set_requires_grad(true);
    }

    int64_t count() const { return w_ + b_; }

    void place(const double* parameters) {
        weight_.copy_from(
            Tensor::from_host(std::vector<float>(parameters, parameters + w_), weight_.shape(), weight_.backend()));
        bias_.copy_from(Tensor::from_host(std::vector<float>(parameters + w_, parameters + w_ + b_), bias_.shape(),
                                          bias_.backend()));
    }

    /// The value at `parameters`, and its gradient.
    double evaluate(const double* parameters, double* gradient) {
        place(parameters);
        weight_.zero_grad();
        bias_.zero_grad();
        const int64_t n = x_.dim(0);
        double value = 0;
        for (int64_t begin = 0; begin < n; begin += kRowsAtOnce) {
            const int64_t end = std::min(begin + kRowsAtOnce, n);
            const double share = static_cast<double>(end - begin) / static_cast<double>(n);
            Loss loss = cross_entropy(linear(x_.rows(begin, end), weight_, bias_), labels_.rows(begin, end));
            value += share * static_cast<double>(loss.value.item());
            loss.value.backward(static_cast<float>(share));
        }
        const std::vector<float> dw = weight_.grad().to_vector(), db = bias_.grad().to_vector();
        for (int64_t i = 0; i < w_; ++i) {
            value += 0.5 * l2_ * parameters[i] * parameters[i];
            gradient[i] = static_cast<double>(dw[static_cast<size_t>(i)]) + l2_ * parameters[i];
        }
        std::copy(db.begin(), db.end(), gradient + w_);
        return value;
    }

    LogisticModel model(const double* parameters) {
        place(parameters);
        return {weight_.detached(), bias_.detached()};
    }

  private:
    Tensor x_, labels_;
    double l2_;
    int64_t w_, b_;  // how many weights, biases
    Tensor weight_, bias_;
};

}  // namespace

Standardisation standardisation_of(const Tensor& features) {
    const int64_t n = features.dim(0), d = features.dim(1);
    const std::vector<float> x = features.to_vector();
    std::vector<double> sum(static_cast<size_t>(d)), square(static_cast<size_t>(d));
    for (size_t i = 0; i < x.size(); ++i) sum[i % sum.size()] += static_cast<double>(x[i]);
    for (double& value : sum) value /= static_cast<double>(n);
    for (size_t i = 0; i < x.size(); ++i) {
        const double centred = static_cast<double>(x[i]) - sum[i % sum.size()];
        square[i % square.size()] += centred * centred;
    }
    Standardisation s;
    for (size_t c = 0; c < sum.size(); ++c) {
        const double deviation = std::sqrt(square[c] / static_cast<double>(n));
        s.mean.push_back(static_cast<float>(sum[c]));
        s.scale.push_back(deviation > 1e-12 ? static_cast<float>(1 / deviation) : 1.0f);
    }
    return s;
}

Tensor standardised(const Tensor& features, const Standardisation& s) {
    std::vector<float> x = features.to_vector();
    for (size_t i = 0; i < x.size(); ++i) x[i] = (x[i] - s.mean[i % s.mean.size()]) * s.scale[i % s.scale.size()];
    return Tensor::from_host(x, features.shape(), features.backend());
}

LogisticModel for_raw_features(const LogisticModel& model, const Standardisation& s) {
    std::vector<float> weight = model.weight.to_vector(), bias = model.bias.to_vector();
    const size_t d = s.mean.size();
    for (size_t c = 0; c < bias.size(); ++c) {
        double shift = 0;
        for (size_t i = 0; i < d; ++i) {
            float& w = weight[c * d + i];
            w *= s.scale[i];
            shift += static_cast<double>(w) * static_cast<double>(s.mean[i]);
        }
        bias[c] = static_cast<float>(static_cast<double>(bias[c]) - shift);
    }
    LogisticModel raw = model;
    raw.weight = Tensor::from_host(weight, model.weight.shape(), model.weight.backend());
    raw.bias = Tensor::from_host(bias, model.bias.shape(), model.bias.backend());
    return raw;
}

LogisticModel fit_logistic_regression(const Tensor& features, const std::vector<int64_t>& labels, int64_t classes,
                                      const LogisticOptions& options, const LogisticModel& start) {
    Objective objective(features, labels, classes, options.l2);
    std::vector<double> x(static_cast<size_t>(objective.count()));
    if (start.weight.defined()) {
        const std::vector<float> weight = start.weight.to_vector(), bias = start.bias.to_vector();
        std::copy(bias.begin(), bias.end(), std::copy(weight.begin(), weight.end(), x.begin()));
    }
    std::vector<double> gradient(x.size());
    check(std::isfinite(objective.evaluate(x.data(), gradient.data())),
          "the features are not finite: no classifier can be fitted to them");
    lbfgs_parameter_t parameters;
    lbfgs_parameter_init(&parameters);
    parameters.epsilon = options.tolerance;
    parameters.max_iterations = options.most_iterations;
    struct Run {
        Objective& objective;
        int iterations = 0;
    } run{objective};
    double value = 0;
    // Where the value's last digits are rounding the line search finds nothing lower: that is the end, too.
    lbfgs(
        static_cast<int>(x.size()), x.data(), &value,
        [](void* r, const double* at, double* g, const int, const double) {
            return static_cast<Run*>(r)->objective.evaluate(at, g);
        },
        [](void* r, const double*, const double*, const double, const double, const double, const double, int, int k,
           int) {
            static_cast<Run*>(r)->iterations = k;
            return 0;
        },
        &run, &parameters);
    LogisticModel model = objective.model(x.data());
    model.loss = objective.evaluate(x.data(), gradient.data());
    model.iterations = run.iterations;
    return model;
}

}  // namespace moco
