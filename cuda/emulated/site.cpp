#include "cuda/emulated/site.h"

#include <algorithm>
#include <cstdlib>

namespace moco::cuda::emulated {
namespace {

struct Registry {
    std::vector<Site*> sites;
    std::string off;

    Registry() {
        if (const char* place = std::getenv("MOCO_EMULATED_SITE_OFF")) off = place;
    }
};

Registry& registry() {
    static Registry& all = *new Registry;
    return all;
}

bool is_off(const Site& site) {
    return site.kind != SiteKind::shared && !registry().off.empty() && place_of(site) == registry().off;
}

}  // namespace

void register_site(Site& site) {
    site.registered = true;
    registry().sites.push_back(&site);
    site.off = is_off(site);
}

std::string_view short_path(std::string_view path) {
    for (const std::string_view room : {"/tests/cuda/", "/cuda/"}) {
        const size_t at = path.rfind(room);
        if (at != std::string_view::npos) return path.substr(at + 1);
    }
    return path;
}

std::string place_of(const Site& site) {
    return std::string(short_path(site.file)) + ":" + std::to_string(site.line);
}

std::vector<std::string> reached_sites() {
    std::vector<std::string> names;
    for (const Site* site : registry().sites) {
        if (site->kind != SiteKind::shared) names.push_back(place_of(*site) + " " + site->what);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

void switch_site_off(const std::string& place) {
    registry().off = place;
    for (Site* site : registry().sites) site->off = is_off(*site);
}

}  // namespace moco::cuda::emulated
