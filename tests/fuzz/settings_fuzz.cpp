// libFuzzer's way into settings: whatever a TOML file says, it is taken or refused with Error, and what was taken is
// taken again when it has been written.
#include <cstdlib>

#include "core/error.h"
#include "moco/tasks/finetune_settings.h"
#include "moco/tasks/pretrain_settings.h"
#include "moco/tasks/probe_settings.h"
#include "moco/train/settings/toml.h"

namespace {

template <typename Settings>
void read(std::string_view text) {
    Settings settings, again;
    try {
        moco::from_toml(moco::table_of(settings), Settings::command, text, "settings.toml");
        moco::preset_of_toml(text, "settings.toml");
        moco::task_of_toml(text, "settings.toml");
    } catch (const moco::Error&) {
        return;
    }
    const std::string written = moco::to_toml(moco::table_of(settings), Settings::command);
    moco::from_toml(moco::table_of(again), Settings::command, written, "written.toml");
    if (!(settings == again)) std::abort();
    try {
        moco::validate(settings);
    } catch (const moco::Error&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(bytes), size);
    read<moco::PretrainSettings>(text);
    read<moco::ProbeSettings>(text);
    read<moco::FinetuneSettings>(text);
    return 0;
}
