// moco diff: two files of weights, tensor by tensor.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/commands.h"
#include "apps/evaluation.h"
#include "apps/json.h"
#include "core/error.h"
#include "moco/interchange/open_tensors.h"
#include "moco/interchange/tensor_diff.h"
#include "moco/tasks/weights.h"

namespace moco::apps {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kDescription =
    "Compare two files of weights, tensor by tensor: keys, shapes, the largest difference and the cosine.\n"
    "Where both hold a ResNet it is compared by its names here, whatever each file calls it; --raw compares all "
    "tensors\n"
    "by the names in the files.";

struct Flags {
    std::string a, b;
    bool raw = false, json = false;
};

std::shared_ptr<const TensorFile> opened(const std::string& named, bool raw) {
    const std::filesystem::path path = checkpoint_file(named);
    if (raw) return open_tensors(path);
    return open_network(path, {}).network;
}

std::string_view state_of(const TensorDiff& diff) {
    if (!diff.in_a) return "only in b";
    if (!diff.in_b) return "only in a";
    if (!diff.compared) return "other shape";
    return diff.largest == 0 ? "equal" : "differs";
}

Json json_of(const TensorDiff& diff) {
    Json object = {{"key", diff.name}, {"state", state_of(diff)}};
    object["shape_a"] = diff.in_a ? Json(diff.shape_a) : Json(nullptr);
    object["shape_b"] = diff.in_b ? Json(diff.shape_b) : Json(nullptr);
    object["largest"] = diff.compared ? Json(diff.largest) : Json(nullptr);
    object["cosine"] = diff.compared ? Json(diff.cosine) : Json(nullptr);
    return object;
}

void print(const TensorDiff& diff) {
    if (diff.compared && diff.largest == 0) return;
    fmt::print("{:<12}{}", state_of(diff), diff.name);
    if (diff.in_a) fmt::print("  {}", shape_text(diff.shape_a));
    if (diff.in_b && diff.shape_a != diff.shape_b)
        fmt::print("  {}{}", diff.in_a ? "against " : "", shape_text(diff.shape_b));
    diff.compared ? fmt::print("  largest difference {:.3g}, cosine {:.8f}\n", diff.largest, diff.cosine)
                  : fmt::print("\n");
}

void run_diff(const Flags& flags) {
    const auto a = opened(flags.a, flags.raw), b = opened(flags.b, flags.raw);
    const std::vector<TensorDiff> all = diff_of(*a, *b);
    size_t equal = 0, compared = 0;
    double largest = 0;
    Json keys = Json::array();
    for (const TensorDiff& diff : all) {
        compared += diff.compared;
        equal += diff.compared && diff.largest == 0;
        if (diff.compared && !(diff.largest <= largest)) largest = diff.largest;
        flags.json ? keys.push_back(json_of(diff)) : print(diff);
    }
    if (flags.json) {
        return print_json({{"a", flags.a},
                           {"b", flags.b},
                           {"tensors", all.size()},
                           {"compared", compared},
                           {"equal", equal},
                           {"largest", largest},
                           {"keys", keys}});
    }
    fmt::print("{} tensors, {} of one shape in both, {} of these equal; largest difference {:.3g}\n", all.size(),
               compared, equal, largest);
}

}  // namespace

void add_diff(const Command& app) {
    const Command command = app.subcommand("diff", kDescription);
    auto flags = std::make_shared<Flags>();
    command.option("a", flags->a, "checkpoint, run folder, or another program's weights").takes("A").required();
    command.option("b", flags->b, "the same").takes("B").required();
    command.flag("--raw", flags->raw, "all tensors, by the names in the files");
    add_json_flag(command, flags->json);
    command.runs([flags] { run_diff(*flags); });
}

}  // namespace moco::apps
