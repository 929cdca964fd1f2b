#include "moco/train/settings/run.h"

#include "core/backend.h"
#include "core/conv_algorithm.h"
#include "moco/train/settings/checks.h"
#include "nn/precision.h"

namespace moco {

void add_log_row(SettingTable& table, RunSettings& run) {
    table.add("log-every", "STEPS", run.log_every, "steps between lines of metrics.jsonl");
}

void add_rows(SettingTable& table, RunSettings& run, const InitRow& init) {
    const SettingKind kind = {Decides::run};
    table.group("Run")
        .add("seed", "N", run.seed, "seed of every random number, at most 2^63 - 1")
        .add("conv", "auto|direct|winograd", run.conv,
             "how convolutions are computed; auto: what is faster for the shape; the last bits differ")
        .add("precision", "f32|tf32|bf16", run.precision,
             "what training computes in; bf16: activations of 16 bits, for AVX512_BF16 or sm_80; tf32: sm_80 only")
        .add("out", "FOLDER", run.out, "run folder [runs/PRESET]", {Decides::run, OnResume::absent})
        .add(init.name, "FILE", run.init, init.help, kind)
        .add("max-steps", "N", run.max_steps, "stop after N steps in all; 0: no limit",
             {Decides::run, OnResume::may_grow})
        .add("checkpoint-every-steps", "N", run.checkpoint_every_steps,
             "steps between checkpoints, besides one an epoch; 0: none", kind)
        .add("keep-every", "EPOCHS", run.keep_every, "epochs between checkpoints that are kept; 0: only the last",
             kind);
}

void add_rows(SettingTable& table, MachineSettings& machine) {
    const SettingKind kind = {Decides::machine, OnResume::free};
    table.group("Machine (changes nothing but the rounding)")
        .add("device", "auto|cpu|cuda", machine.device, "where to compute", kind)
        .add("augment-on", "device|cpu", machine.augment_on,
             "what makes the views, of the same draws: the device that trains, or the processor for it", kind)
        .add("cuda-graph", "", machine.cuda_graph, "replay the training step as one CUDA graph (--device cuda)", kind)
        .add("threads", "N", machine.threads, "compute threads; 0: one per core that moco may use", kind)
        .add("workers", "N", machine.workers, "threads that load images; 0: none of their own", kind);
}

void validate(const RunSettings& run) {
    check_one_of("conv", run.conv, conv_algorithm_names());
    check_one_of("precision", run.precision, precision_names());
    check_at_least("log-every", run.log_every, 1);
    check_at_least("max-steps", run.max_steps, 0);
    check_at_least("checkpoint-every-steps", run.checkpoint_every_steps, 0);
    check_at_least("keep-every", run.keep_every, 0);
}

void validate(const MachineSettings& machine) {
    check_one_of("device", machine.device, {"auto", "cpu", "cuda"});
    check_one_of("augment-on", machine.augment_on, {"device", "cpu"});
    check_within("threads", machine.threads, 0, 1024);
    check_within("workers", machine.workers, 0, 1024);
}

void configure(Backend& backend, const RunSettings& run) {
    backend.set_conv_algorithm(conv_algorithm_from_name(run.conv));
    naming_setting("--precision " + run.precision, [&] { backend.set_precision(precision_from_name(run.precision)); });
}

}  // namespace moco
