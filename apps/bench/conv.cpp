// moco bench conv: each pass of convolutions, against what the processor can multiply and add.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/bench/bench.h"
#include "apps/bench/conv_shapes.h"
#include "apps/bench/conv_work.h"
#include "apps/bench/measure.h"
#include "apps/device.h"
#include "core/error.h"
#include "core/parallel.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Time convolutions pass by pass: F forward, D backward data, W backward weights.\n"
    "Those of a network, or one of the shape given. Some results of each are first held against sums in double; "
    "GFLOP/s\n"
    "counts a direct convolution's operations, so Winograd's and Strassen's may exceed the peak.";
constexpr double kTolerance = 1e-4;     // times the RMS: ten times what Winograd errs by at 512 channels
constexpr double kBf16Tolerance = 0.1;  // Winograd's transformed values, rounded to bf16, err by 1.4 % of the RMS
constexpr int64_t kMost = 65536;        // of each extent

struct Flags {
    std::string net, conv = "auto", precision = "f32", passes = "FDW";
    int64_t batch = 128, size = 32, height = 0, width = 0, in = 64, out = 64, kernel = 3, stride = 1, pad = -1;
    int64_t repeats = 7;
    DeviceFlags device;
    bool json = false, shape_given = false;
};

struct PassResult {
    ConvPass pass;
    Times times;
    double gflops = 0, error = 0;
};

struct LayerResult {
    NamedConv conv;
    std::vector<PassResult> passes;
};

/// The one shape that the flags describe.
Conv2dDims shape_of(const Flags& f) {
    const int64_t pad = f.pad < 0 ? f.kernel / 2 : f.pad;
    const int64_t H = f.height == 0 ? f.size : f.height, W = f.width == 0 ? f.size : f.width;
    const std::pair<const char*, int64_t> extents[] = {{"batch", f.batch},   {"size", f.size},    {"height", H},
                                                       {"width", W},         {"in", f.in},        {"out", f.out},
                                                       {"kernel", f.kernel}, {"stride", f.stride}};
    for (const auto& [name, value] : extents) {
        check(value >= 1 && value <= kMost, "--{} {}: expected 1 to {}", name, value, kMost);
    }
    check(pad < f.kernel, "--pad {} is not smaller than --kernel {}: its outer rows would see only zeros", pad,
          f.kernel);
    check(std::min(H, W) + 2 * pad >= f.kernel, "an image of {} x {} with --pad {} is smaller than --kernel {}", H, W,
          pad, f.kernel);
    const Conv2dDims d{f.batch, H, W, f.in, f.out, f.kernel, f.kernel, f.stride, pad};
    const double floats = static_cast<double>(f.batch) * static_cast<double>(H * W) * static_cast<double>(f.in + f.out);
    check(floats < 4e9,
          "--batch {} of {} x {} with {} and {} channels is too much: x and y together would have {:.3g} "
          "elements",
          f.batch, H, W, f.in, f.out, floats);
    return d;
}

std::vector<ConvPass> passes_of(const Flags& flags, const Conv2dDims& d) {
    std::vector<ConvPass> passes;
    for (const ConvPass pass : {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weight}) {
        // Nobody needs a gradient for images.
        if (!flags.net.empty() && d.IC == 3 && pass == ConvPass::backward_data) continue;
        if (flags.passes.find(letter_of(pass)) != std::string::npos) passes.push_back(pass);
    }
    return passes;
}

LayerResult time_layer(const Flags& flags, const NamedConv& conv, Backend& backend) {
    LayerResult layer{conv, {}};
    ConvWork work(conv.d, backend);
    const double operations = 2e-9 * static_cast<double>(conv.d.y_count() * conv.d.KH * conv.d.KW * conv.d.IC);
    for (const ConvPass pass : passes_of(flags, conv.d)) {
        PassResult result{pass, {}, 0, work.error_of(pass)};
        const double tolerance = conv.d.dtype == DType::bf16 ? kBf16Tolerance : kTolerance;
        check(result.error < tolerance, "{} of {} is wrong: off by {:.2g} of its RMS, expected below {:.2g}",
              letter_of(pass), conv.name, result.error, tolerance);
        result.times = time_calls(backend, flags.repeats, [&] { work.run(pass); });
        result.gflops = 1e3 * operations / result.times.best_ms;
        layer.passes.push_back(result);
    }
    return layer;
}

/// What a network's layers take together, each as often as the network has it.
double total_ms(const std::vector<LayerResult>& layers, ConvPass pass) {
    double ms = 0;
    for (const LayerResult& layer : layers) {
        for (const PassResult& result : layer.passes) {
            if (result.pass == pass) ms += static_cast<double>(layer.conv.times) * result.times.best_ms;
        }
    }
    return ms;
}

void print_json(const Flags& flags, const Peaks& peaks, const std::vector<LayerResult>& layers,
                const Backend& backend) {
    nlohmann::ordered_json object = {{"device", backend.description()},
                                     {"threads", threads()},
                                     {"conv", flags.conv},
                                     {"precision", flags.precision},
                                     {"peak_gflops", peaks.gflops},
                                     {"copy_gb_per_s", peaks.copy_gb},
                                     {"layers", nlohmann::ordered_json::array()}};
    for (const LayerResult& layer : layers) {
        const Conv2dDims& d = layer.conv.d;
        nlohmann::ordered_json passes;
        for (const PassResult& result : layer.passes) {
            passes[letter_of(result.pass)] = {{"ms", result.times.best_ms},
                                              {"median_ms", result.times.median_ms},
                                              {"gflops", result.gflops},
                                              {"percent_of_peak", 100 * result.gflops / peaks.gflops},
                                              {"error", result.error}};
        }
        object["layers"].push_back({{"name", layer.conv.name},
                                    {"times", layer.conv.times},
                                    {"dims",
                                     {{"N", d.N},
                                      {"H", d.H},
                                      {"W", d.W},
                                      {"IC", d.IC},
                                      {"OC", d.OC},
                                      {"KH", d.KH},
                                      {"KW", d.KW},
                                      {"stride", d.stride},
                                      {"pad", d.pad}}},
                                    {"passes", passes}});
    }
    for (const ConvPass pass : {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weight})
        object["total_ms"][letter_of(pass)] = total_ms(layers, pass);
    fmt::print("{}\n", object.dump(2));
}

void print_text(const Flags& flags, const Peaks& peaks, const std::vector<LayerResult>& layers,
                const Backend& backend) {
    fmt::print("{}; peak {:.0f} GFLOP/s (f32), copy {:.1f} GB/s; --conv {} --precision {}\n", backend.description(),
               peaks.gflops, peaks.copy_gb, flags.conv, flags.precision);
    fmt::print("{:<26}{:>6}{:>6}{:>11}{:>11}{:>10}{:>8}{:>11}\n", "batch, convolution", "times", "pass", "best ms",
               "median ms", "GFLOP/s", "% peak", "error");
    for (const LayerResult& layer : layers) {
        for (const PassResult& result : layer.passes) {
            fmt::print("{:<26}{:>6}{:>6}{:>11.3f}{:>11.3f}{:>10.1f}{:>8.0f}{:>11.1e}\n",
                       fmt::format("{}, {}", layer.conv.d.N, layer.conv.name), layer.conv.times, letter_of(result.pass),
                       result.times.best_ms, result.times.median_ms, result.gflops, 100 * result.gflops / peaks.gflops,
                       result.error);
        }
    }
    if (flags.net.empty()) return;
    fmt::print("all layers of {}: F {:.1f}, D {:.1f}, W {:.1f} ms\n", flags.net, total_ms(layers, ConvPass::forward),
               total_ms(layers, ConvPass::backward_data), total_ms(layers, ConvPass::backward_weight));
}

void run_conv(Flags flags) {
    check(!flags.shape_given || flags.net.empty(), "--net {} has its own shapes: give it, or one shape", flags.net);
    check(flags.passes.find_first_not_of("FDW") == std::string::npos && !flags.passes.empty(),
          "--passes {}: expected letters of FDW", flags.passes);
    check(flags.repeats >= 1, "--repeats {}: expected at least 1", flags.repeats);
    const RunSettings run = run_settings(flags.conv, flags.precision);
    const Precision precision = precision_from_name(flags.precision);
    if (!flags.shape_given && flags.net.empty()) flags.net = "resnet18-cifar";
    std::vector<NamedConv> convolutions;
    if (flags.shape_given) {
        const Conv2dDims d = shape_of(flags);
        convolutions.push_back({conv_name(d), d, 1});
    } else {
        convolutions = convolutions_of(flags.net);
    }
    const std::unique_ptr<Backend> backend = flags.device.open();
    configure(*backend, run);
    note_slow_precision(precision, *backend);
    for (NamedConv& conv : convolutions) conv.d.dtype = precision == Precision::bf16 ? DType::bf16 : DType::f32;
    const Peaks peaks = measure_peaks(*backend);
    std::vector<LayerResult> layers;
    for (const NamedConv& conv : convolutions) layers.push_back(time_layer(flags, conv, *backend));
    flags.json ? print_json(flags, peaks, layers, *backend) : print_text(flags, peaks, layers, *backend);
}

}  // namespace

void add_bench_conv(const Command& group) {
    const Command command = group.subcommand("conv", kDescription);
    auto flags = std::make_shared<Flags>();
    command
        .option("--net", flags->net,
                "all convolutions of a network at the batch it is compared at "
                "[resnet18-cifar]")
        .takes("resnet18-cifar|resnet50-224|fashion");
    const auto shape_number = [&](const char* flag, int64_t& value, const char* help) {
        add_number(command, flag, value, help).group("One shape").when_given([flags] { flags->shape_given = true; });
    };
    shape_number("-b,--batch", flags->batch, "images (N)");
    shape_number("--size", flags->size, "height and width of the images, pixels");
    shape_number("--height", flags->height, "height where it differs; 0: --size");
    shape_number("--width", flags->width, "width where it differs; 0: --size");
    shape_number("--in", flags->in, "input channels (IC)");
    shape_number("--out", flags->out, "output channels (OC)");
    shape_number("--kernel", flags->kernel, "height and width of the kernel");
    shape_number("--stride", flags->stride, "step between outputs, pixels");
    shape_number("--pad", flags->pad, "zeros around the image, pixels; -1: half the kernel");
    command.option("--passes", flags->passes, "which passes to time").takes("LETTERS");
    add_conv_flag(command, flags->conv);
    add_precision_flag(command, flags->precision);
    add_number(command, "--repeats", flags->repeats, "timings of each; the best and the median are printed");
    command.flag("--json", flags->json, "print one JSON object: layers, each with ms, gflops, percent_of_peak, error");
    flags->device.add_to(command);
    command.runs([flags] { run_conv(*flags); });
}

}  // namespace moco::apps
