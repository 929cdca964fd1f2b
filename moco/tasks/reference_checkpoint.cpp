#include "moco/tasks/reference_checkpoint.h"

#include "core/error.h"
#include "core/parse.h"
#include "moco/interchange/resnet_keys.h"
#include "moco/interchange/tensor_items.h"
#include "moco/tasks/pretrain_settings.h"

namespace moco {
namespace {

bool is_pretraining(const TensorFile& file) {
    return is_checkpoint(file) && read_header(file).command == PretrainSettings::command;
}

int64_t epoch_of(const TensorFile& file) {
    const auto epoch = file.metadata().find("epoch");
    return epoch == file.metadata().end() ? 0 : parse_number<int64_t>(epoch->second).value_or(0);
}

/// What encoder_q.* lacks: the key encoder, the queue and its pointer.
void add_method_state(std::vector<TensorItem>& items, const NetworkFile& from, const ConvertOptions& options) {
    for (const TensorEntry& entry : from.whole->entries()) {
        if (entry.name.starts_with("encoder_k.") || entry.name == "queue" || entry.name == "queue_ptr")
            items.push_back(item_of(from.whole, entry, "module." + entry.name, options.dtype));
    }
}

/// torch.optim.SGD's state: momenta by the parameters' numbers. The reference code gives it the parameters of both
/// encoders, f_q's first; those of f_k never get a gradient, and have no momentum.
PythonDict optimizer_of(const NetworkFile& from) {
    PretrainSettings settings;
    from_toml(table_of(settings), PretrainSettings::command, read_header(*from.whole).config,
              from.whole->path().string() + " (its settings)");
    PythonDict momenta;
    PythonList numbers;
    int64_t number = 0;
    for (const ExpectedKey& key : expected_keys(from.config)) {
        if (!key.parameter) continue;
        const TensorEntry& momentum = from.whole->at("optimizer." + key.name);
        const TensorItem item = item_of(from.whole, momentum, momentum.name, std::nullopt);
        momenta.items.emplace_back(py(number++), py(PythonDict{{{py("momentum_buffer"), PythonValue{item}}}}));
    }
    for (int64_t i = 0; i < 2 * number; ++i) numbers.items.push_back(py(i));
    const OptimizerSettings& sgd = settings.optimizer;
    const PythonDict group = {{{py("lr"), py(sgd.lr)},
                               {py("momentum"), py(sgd.momentum)},
                               {py("dampening"), py(int64_t{0})},
                               {py("weight_decay"), py(sgd.wd)},
                               {py("nesterov"), py(false)},
                               {py("maximize"), py(false)},
                               {py("foreach"), PythonValue{}},
                               {py("differentiable"), py(false)},
                               {py("fused"), PythonValue{}},
                               {py("params"), py(numbers)}}};
    return {{{py("state"), py(momenta)}, {py("param_groups"), py(PythonList{{py(group)}})}}};
}

}  // namespace

PythonValue reference_checkpoint(std::vector<TensorItem> encoder_q, const NetworkFile& from,
                                 const ConvertOptions& options) {
    const bool whole = options.strip == Strip::nothing && is_pretraining(*from.whole);
    check(
        !whole || options.encoder != WhichEncoder::key,
        "--encoder k: a checkpoint of the reference code has both encoders; with --strip it has the one that is named");
    if (whole) add_method_state(encoder_q, from, options);
    check(!whole || from.whole->find("queue") != nullptr,
          "{} holds no queue, for its run had another --mechanism than MoCo's, which is the only one of the reference "
          "code; --strip writes the backbone",
          from.whole->path().string());
    PythonDict checkpoint = {{{py("epoch"), py(epoch_of(*from.whole))},
                              {py("arch"), py(from.config.arch)},
                              {py("state_dict"), py(state_dict_of(encoder_q))}}};
    if (whole) checkpoint.items.emplace_back(py("optimizer"), py(optimizer_of(from)));
    return py(checkpoint);
}

}  // namespace moco
