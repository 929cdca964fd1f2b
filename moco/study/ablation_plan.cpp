#include "moco/study/ablation_plan.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/split.h"

namespace moco {
namespace {

void check_can_be_swept(const SettingTable& table, const std::string& name) {
    const Setting* row = table.find(name);
    if (row == nullptr) {
        const std::string near = table.nearest(name);
        check(near.empty(), "--sweep {}: there is no such setting; did you mean {}?", name, near);
        fail("--sweep {}: there is no such setting; `moco pretrain --help` lists them", name);
    }
    check(name != "seed", "--sweep seed: every variant is run with each seed; --seeds says how many");
    check(name != "out", "--sweep out: every run has a folder of its own below --out DIR already");
    check(row->kind.decides != Decides::machine, "--sweep {}: it changes nothing but the speed", name);
}

std::string joined(const GivenFlags& settings) {
    std::vector<std::string> parts;
    for (const auto& setting : settings) parts.push_back(setting.first + "=" + setting.second);
    return fmt::format("{}", fmt::join(parts, ", "));
}

Variant variant_of(const GivenFlags& settings, const std::string& axis) {
    GivenFlags others;
    Variant variant;
    for (const auto& setting : settings) {
        if (setting.first == axis) {
            variant.at = setting.second;
        } else {
            others.push_back(setting);
        }
    }
    variant.label = joined(settings), variant.series = joined(others), variant.settings = settings;
    return variant;
}

AblationPlan named(std::string name, std::string title, const std::vector<Sweep>& sweeps) {
    AblationPlan plan = plan_of(sweeps);
    plan.name = std::move(name), plan.title = std::move(title);
    return plan;
}

/// 60 % and 80 % of the epochs, where the first paper's rate falls (120 and 160 of 200).
std::string papers_schedule(int64_t epochs) {
    return fmt::format("{},{}", std::max<int64_t>(3 * epochs / 5, 1), std::max<int64_t>(4 * epochs / 5, 1));
}

/// The steps from one paper to the other (v2, table 1), each from v1 but for the last, which is all of them.
AblationPlan v1_to_v2(const PretrainSettings& base) {
    const GivenFlags v1 = {{"aug", "v1"}, {"aug-plus", "false"}, {"mlp", "false"}, {"cos", "false"}};
    const GivenFlags steps = {{"schedule", papers_schedule(base.optimizer.epochs)}};
    const GivenFlags mlp = {{"mlp", "true"}, {"moco-t", "0.2"}}, aug = {{"aug-plus", "true"}}, cos = {{"cos", "true"}};
    AblationPlan plan = {"v1-to-v2", "from MoCo v1 to v2: head, augmentation, cosine schedule", "variant", {}};
    const auto add = [&](const std::string& label, const std::vector<GivenFlags>& layers) {
        Variant variant = {label, v1, label, ""};
        for (const GivenFlags& layer : layers) {
            variant.settings.insert(variant.settings.end(), layer.begin(), layer.end());
        }
        plan.variants.push_back(std::move(variant));
    };
    add("v1", {steps});
    add("+mlp", {steps, mlp});
    add("+aug", {steps, aug});
    add("+mlp +aug", {steps, mlp, aug});
    add("+mlp +aug +cos", {mlp, aug, cos});
    return plan;
}

}  // namespace

Sweep parse_sweep(const std::string& text) {
    const size_t equals = text.find('=');
    check(equals != std::string::npos && equals > 0,
          "--sweep {}: expected a setting and its values, as moco-k=256,1024", text);
    Sweep sweep = {text.substr(0, equals), {}};
    PretrainSettings scratch;
    const SettingTable table = table_of(scratch);
    check_can_be_swept(table, sweep.setting);
    const std::string list = text.substr(equals + 1);
    sweep.values = split(list, list.find(';') == std::string::npos ? ',' : ';');
    std::vector<SettingValue> taken;
    for (const std::string& value : sweep.values) {
        check(!value.empty(), "--sweep {}: a value is missing; expected some with commas between them, as {}=1,2", text,
              sweep.setting);
        table.set(sweep.setting, value);
        const SettingValue now = table.find(sweep.setting)->get();
        check(std::find(taken.begin(), taken.end(), now) == taken.end(), "--sweep {}: {} stands there twice", text,
              value);
        taken.push_back(now);
    }
    return sweep;
}

AblationPlan plan_of(const std::vector<Sweep>& sweeps) {
    const Sweep* axis = &sweeps.front();
    std::vector<std::string> names;
    std::vector<GivenFlags> combinations = {{}};
    for (const Sweep& sweep : sweeps) {
        check(std::find(names.begin(), names.end(), sweep.setting) == names.end(),
              "--sweep {0}: it is swept twice; give all its values at once, {0}=1,2", sweep.setting);
        names.push_back(sweep.setting);
        if (sweep.values.size() > axis->values.size()) axis = &sweep;
        std::vector<GivenFlags> longer;
        for (const GivenFlags& before : combinations) {
            for (const std::string& value : sweep.values) {
                longer.push_back(before);
                longer.back().emplace_back(sweep.setting, value);
            }
        }
        combinations = std::move(longer);
    }
    AblationPlan plan = {
        fmt::format("{}", fmt::join(names, "-")), fmt::format("{}", fmt::join(names, " by ")), axis->setting, {}};
    for (const GivenFlags& settings : combinations) plan.variants.push_back(variant_of(settings, axis->setting));
    return plan;
}

std::vector<std::string> ready_plan_names() {
    return {"fig3", "momentum", "shuffle-bn", "temperature", "v1-to-v2"};
}

AblationPlan ready_plan(const std::string& name, const PretrainSettings& base) {
    if (name == "fig3") {
        return named(name, "number of negatives K by mechanism (paper, figure 3)",
                     {{"moco-k", {"128", "1024", "4096"}}, {"mechanism", {"moco", "end-to-end", "memory-bank"}}});
    }
    if (name == "momentum") {
        return named(name, "momentum m of the key encoder (paper, Sec. 4.1)",
                     {{"moco-m", {"0", "0.9", "0.99", "0.999"}}});
    }
    if (name == "shuffle-bn") {
        return named(name, "shuffling BN by the number of groups (paper, Sec. 3.3 and A.1)",
                     {{"shuffle-bn", {"true", "false"}}, {"bn-splits", {"8", "16"}}});
    }
    if (name == "temperature") {
        return named(name, "temperature T of the softmax (v2, Sec. 3)", {{"moco-t", {"0.05", "0.1", "0.2", "0.5"}}});
    }
    if (name == "v1-to-v2") return v1_to_v2(base);
    const std::string near = nearest(name, ready_plan_names());
    check(near.empty(), "--plan {}: there is no such plan; did you mean {}?", name, near);
    fail("--plan {}: there is no such plan; expected one of {}", name, fmt::join(ready_plan_names(), ", "));
}

}  // namespace moco
