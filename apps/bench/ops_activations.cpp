// Operations on activations: batch norm, ReLU, sums, pools.
#include <algorithm>
#include <cmath>
#include <vector>

#include "apps/bench/ops_cases.h"
#include "apps/bench/samples.h"
#include "ops/add.h"
#include "ops/batch_norm.h"
#include "ops/checks.h"
#include "ops/global_avg_pool.h"
#include "ops/relu.h"

namespace moco::apps {
namespace {

/// What all of them work on. Tensors are handles: copies share the memory.
struct Activations {
    Backend& backend;
    BatchNormDims d;
    Tensor x, y, dy, dx, gamma, beta, mean, inv_std, running, dgamma, dbeta, signs;

    Activations(const OpSizes& s, Backend& b)
        : backend(b),
          d{s.N, s.side * s.side, s.C, 1, Activation::relu},
          x(random_tensor({d.count()}, 0, b)),
          y(Tensor::empty_like(x)),
          dy(random_tensor({d.count()}, 1, b)),
          dx(Tensor::empty_like(x)),
          gamma(random_tensor({d.C}, 2, b)),
          beta(random_tensor({d.C}, 3, b)),
          mean(Tensor::empty_like(gamma)),
          inv_std(Tensor::empty_like(gamma)),
          running(Tensor::zeros({2 * d.C}, DType::f32, b)),
          dgamma(Tensor::empty_like(gamma)),
          dbeta(Tensor::empty_like(gamma)),
          signs(batch_norm_signs(d, b)) {}

    void batch_norm_forward() {
        backend.batch_norm_forward(d, {}, x.data(), gamma.data(), beta.data(), nullptr, running.mutable_data(),
                                   running.mutable_data() + d.C, mean.mutable_data(), inv_std.mutable_data(),
                                   y.mutable_data(), data_or_null<uint8_t>(signs));
    }
    void batch_norm_backward() {
        backend.batch_norm_backward(d, x.data(), y.data(), data_or_null<uint8_t>(signs), gamma.data(), mean.data(),
                                    inv_std.data(), dy.data(), dx.mutable_data(), dgamma.mutable_data(),
                                    dbeta.mutable_data(), nullptr);
    }
};

/// Batch norm with ReLU of one channel, from its definition.
struct Channel {
    std::vector<double> normalised, y;
    double inv_std = 0;

    Channel(const BatchNormDims& d, const std::vector<float>& x, int64_t c, double gamma, double beta) {
        const int64_t rows = d.N * d.HW;
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < rows; ++i) mean += x[static_cast<size_t>(i * d.C + c)] / static_cast<double>(rows);
        for (int64_t i = 0; i < rows; ++i)
            variance += std::pow(x[static_cast<size_t>(i * d.C + c)] - mean, 2) / static_cast<double>(rows);
        inv_std = 1 / std::sqrt(variance + BatchNormOptions().epsilon);
        for (int64_t i = 0; i < rows; ++i) {
            normalised.push_back((x[static_cast<size_t>(i * d.C + c)] - mean) * inv_std);
            y.push_back(std::max(0.0, gamma * normalised.back() + beta));
        }
    }
};

double batch_norm_error(Activations a, bool forward) {
    a.batch_norm_forward();
    a.batch_norm_backward();
    const std::vector<float> x = a.x.to_vector(), y = a.y.to_vector(), dy = a.dy.to_vector(), dx = a.dx.to_vector(),
                             gamma = a.gamma.to_vector(), beta = a.beta.to_vector();
    const int64_t c = a.d.C / 2, rows = a.d.N * a.d.HW;
    const auto at = [&](int64_t row) { return static_cast<size_t>(row * a.d.C + c); };
    const double scale = gamma[static_cast<size_t>(c)];
    const Channel channel(a.d, x, c, scale, beta[static_cast<size_t>(c)]);
    std::vector<double> g;  // dy where y is not cut off
    double sum = 0, product = 0;
    for (int64_t i = 0; i < rows; ++i) {
        g.push_back(y[at(i)] > 0 ? dy[at(i)] : 0.0);
        sum += g.back() / static_cast<double>(rows);
        product += g.back() * channel.normalised[static_cast<size_t>(i)] / static_cast<double>(rows);
    }
    Difference difference;
    Samples samples(rows);
    for (int n = 0; n < Samples::kCount; ++n) {
        const int64_t i = samples.next();
        const auto row = static_cast<size_t>(i);
        if (forward) {
            difference.add(y[at(i)], channel.y[row]);
        } else {
            difference.add(dx[at(i)], scale * channel.inv_std * (g[row] - sum - channel.normalised[row] * product));
        }
    }
    return difference.over_rms();
}

/// An operation that makes each element of its result from the same elements of a and b.
OpCase elementwise(const char* name, const std::string& shape, double accesses, const Tensor& a, const Tensor& b,
                   const std::function<Tensor()>& run, const std::function<double(double, double)>& definition) {
    const auto error = [=] {
        const std::vector<float> left = a.to_vector(), right = b.to_vector(), computed = run().to_vector();
        Difference difference;
        Samples samples(a.count());
        for (int n = 0; n < Samples::kCount; ++n) {
            const auto i = static_cast<size_t>(samples.next());
            difference.add(computed[i], definition(left[i], right[i]));
        }
        return difference.over_rms();
    };
    return {name, shape, 4 * accesses * static_cast<double>(a.count()), 0, [run] { run(); }, error};
}

/// Max-pooling 3x3 of stride 2, both ways, as after ImageNet's stem.
struct MaxPool {
    Backend& backend;
    PoolDims d;
    Tensor x, y, argmax, dx;

    void forward() { backend.max_pool_forward(d, x.data(), y.mutable_data(), argmax.mutable_data<uint8_t>()); }
    void backward() { backend.max_pool_backward(d, y.data(), argmax.data<uint8_t>(), dx.mutable_data()); }

    double forward_error() {
        forward();
        const std::vector<float> in = x.to_vector(), out = y.to_vector();
        Difference difference;
        Samples samples(d.y_count());
        for (int s = 0; s < Samples::kCount; ++s) {
            const int64_t i = samples.next(), c = i % d.C, ow = i / d.C % d.OW(), oh = i / d.C / d.OW() % d.OH(),
                          n = i / d.C / d.OW() / d.OH();
            double largest = -INFINITY;
            for (int64_t h = std::max<int64_t>(0, 2 * oh - 1); h < std::min(d.H, 2 * oh + 2); ++h)
                for (int64_t w = std::max<int64_t>(0, 2 * ow - 1); w < std::min(d.W, 2 * ow + 2); ++w)
                    largest = std::max<double>(largest, in[static_cast<size_t>(((n * d.H + h) * d.W + w) * d.C + c)]);
            difference.add(out[static_cast<size_t>(i)], largest);
        }
        return difference.over_rms();
    }
    /// The windows' gradients are only moved: each channel's sum stays.
    double backward_error() {
        forward();
        backward();
        const std::vector<float> out = y.to_vector(), in = dx.to_vector();
        std::vector<double> before(static_cast<size_t>(d.C)), after(before.size());
        for (size_t i = 0; i < out.size(); ++i) before[i % before.size()] += out[i];
        for (size_t i = 0; i < in.size(); ++i) after[i % after.size()] += in[i];
        Difference difference;
        for (size_t c = 0; c < before.size(); ++c) difference.add(after[c], before[c]);
        return difference.over_rms();
    }
};

double avg_pool_error(const Activations& a, const Tensor& pooled) {
    const std::vector<float> x = a.x.to_vector(), y = pooled.to_vector();
    Difference difference;
    Samples samples(pooled.count());
    for (int s = 0; s < Samples::kCount; ++s) {
        const int64_t i = samples.next(), n = i / a.d.C, c = i % a.d.C;
        double mean = 0;
        for (int64_t p = 0; p < a.d.HW; ++p) mean += x[static_cast<size_t>((n * a.d.HW + p) * a.d.C + c)];
        difference.add(y[static_cast<size_t>(i)], mean / static_cast<double>(a.d.HW));
    }
    return difference.over_rms();
}

}  // namespace

std::vector<OpCase> activation_ops(const OpSizes& s, Backend& backend) {
    Activations a(s, backend);
    const auto count = static_cast<double>(a.d.count());
    const std::string shape = fmt::format("{}x{}x{}x{}", s.N, s.side, s.side, s.C);
    std::vector<OpCase> cases;
    cases.push_back({"batch_norm+relu F", shape, 12 * count, 0, [a]() mutable { a.batch_norm_forward(); },
                     [a] { return batch_norm_error(a, true); }});
    // Backward reads x and dy twice and writes dx; besides, the signs or y twice.
    const double mask_bytes = a.signs.defined() ? 1.0 / 8 : 4;
    cases.push_back({"batch_norm+relu B", shape, (20 + 2 * mask_bytes) * count, 0,
                     [a]() mutable { a.batch_norm_backward(); }, [a] { return batch_norm_error(a, false); }});
    cases.push_back(elementwise(
        "relu F", shape, 2, a.x, a.x, [a] { return relu(a.x); }, [](double x, double) { return std::max(x, 0.0); }));
    cases.push_back(elementwise(
        "add", shape, 3, a.x, a.dy, [a] { return add(a.x, a.dy); }, [](double x, double y) { return x + y; }));

    const PoolDims d{s.N, s.side, s.side, s.C, 3, 2, 1};
    MaxPool pool{backend,
                 d,
                 a.x,
                 Tensor::empty({d.y_count()}, DType::f32, backend),
                 Tensor::empty({d.y_count()}, DType::u8, backend),
                 a.dx};
    const double pool_bytes = 4 * static_cast<double>(d.x_count()) + 5 * static_cast<double>(d.y_count());
    cases.push_back({"max_pool F", shape, pool_bytes, 0, [pool]() mutable { pool.forward(); },
                     [pool]() mutable { return pool.forward_error(); }});
    cases.push_back({"max_pool B", shape, pool_bytes, 0, [pool]() mutable { pool.backward(); },
                     [pool]() mutable { return pool.backward_error(); }});
    const Tensor images = a.x.viewed_as({s.N, s.side, s.side, s.C});
    cases.push_back({"global_avg_pool F", shape, 4 * count, 0, [images] { global_avg_pool(images); },
                     [a, images] { return avg_pool_error(a, global_avg_pool(images)); }});
    return cases;
}

}  // namespace moco::apps
