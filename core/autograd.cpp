#include "core/autograd.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/backend.h"
#include "core/tensor_state.h"

namespace moco {
namespace {

thread_local bool recording = true;

}  // namespace

/// One recorded op. Its edges hold the producing ops, or the leaves, of its inputs, never the inputs themselves: an
/// activation lives only as long as something saved it.
class Node {
  public:
    struct Edge {
        std::shared_ptr<Node> node;  // the op that made this input, or
        Tensor leaf;                 // the leaf that wants its gradient, or neither
        Shape shape;
        DType dtype = DType::f32;
    };

    std::vector<Edge> edges;
    BackwardFunction backward;
};

namespace {

/// sum is a gradient on its way. It may be shared with whoever made it; if it is not, its memory takes the new sum.
void add_gradient(Tensor& sum, const Tensor& gradient) {
    if (!sum.defined()) {
        sum = gradient;
    } else if (TensorAccess::is_only_handle(sum)) {
        gradient.backend().accumulate(gradient.dtype(), gradient.raw(), sum.mutable_raw(), gradient.count());
    } else {
        Tensor fresh = Tensor::empty_like(gradient);
        gradient.backend().add_forward(gradient.dtype(), sum.raw(), gradient.raw(), fresh.mutable_raw(),
                                       gradient.count());
        sum = fresh;
    }
}

void add_to_leaf(Tensor leaf, const Tensor& gradient) {
    TensorState& state = TensorAccess::state(leaf);
    if (!state.grad.defined()) {
        leaf.set_grad(Tensor::empty_like(gradient));
        leaf.zero_grad();
    }
    if (std::exchange(state.grad_is_zero, false)) {
        state.grad.copy_from(gradient);
    } else if (gradient.raw() != state.grad.raw()) {  // else GradientMemory had it written there
        gradient.backend().accumulate(gradient.dtype(), gradient.raw(), state.grad.mutable_raw(), gradient.count());
    }
}

/// All nodes that the root depends on, each after every node that uses its result.
std::vector<std::shared_ptr<Node>> users_first(const std::shared_ptr<Node>& root) {
    std::vector<std::shared_ptr<Node>> order;
    std::unordered_set<Node*> seen = {root.get()};
    std::vector<std::pair<std::shared_ptr<Node>, size_t>> path = {{root, 0}};
    while (!path.empty()) {
        auto& [node, next] = path.back();
        if (next == node->edges.size()) {
            order.push_back(std::move(node));
            path.pop_back();
            continue;
        }
        std::shared_ptr<Node> producer = node->edges[next++].node;
        if (producer && seen.insert(producer.get()).second) path.emplace_back(std::move(producer), 0);
    }
    return {order.rbegin(), order.rend()};
}

Node::Edge edge_to(const Tensor& input) {
    if (!input.requires_grad()) return {};
    TensorState& state = TensorAccess::state(input);
    return {state.node, state.node ? Tensor() : input, state.shape, state.dtype};
}

}  // namespace

Tensor record(Tensor y, std::initializer_list<Tensor> inputs, BackwardFunction backward) {
    bool needed = false;
    for (const Tensor& input : inputs) needed = needed || input.requires_grad();
    if (!needed || !recording) return y;
    auto node = std::make_shared<Node>();
    for (const Tensor& input : inputs) node->edges.push_back(edge_to(input));
    node->backward = std::move(backward);
    TensorAccess::state(y).node = std::move(node);
    return y;
}

void Tensor::backward(float dthis) {
    check(count() == 1, "backward: the tensor has shape {}; start from a scalar loss", shape());
    check(dtype() == DType::f32, "backward: the tensor is {}; start from a scalar loss of f32", dtype());
    check(state_->node != nullptr, "backward: nothing was recorded for this tensor (or backward already ran)");
    std::shared_ptr<Node> root = std::move(state_->node);
    std::unordered_map<Node*, Tensor> pending;
    pending[root.get()] = Tensor::full(shape(), dthis, backend());

    std::vector<std::shared_ptr<Node>> order = users_first(root);
    root.reset();
    for (std::shared_ptr<Node>& node : order) {
        const Tensor dy = std::move(pending[node.get()]);
        pending.erase(node.get());
        check(node->backward != nullptr, "backward: a part of this graph was already used by another backward");
        const BackwardFunction run = std::exchange(node->backward, nullptr);
        if (dy.defined()) {
            const Gradients gradients = run(dy);
            check(gradients.size() == node->edges.size(), "backward: an op returned {} gradients for {} inputs",
                  gradients.size(), node->edges.size());
            for (size_t i = 0; i < gradients.size(); ++i) {
                const Node::Edge& edge = node->edges[i];
                if (!gradients[i].defined() || (!edge.node && !edge.leaf.defined())) continue;
                check(gradients[i].shape() == edge.shape && gradients[i].dtype() == edge.dtype,
                      "backward: a gradient is {}, its input {} {}", gradients[i], edge.shape, edge.dtype);
                if (edge.node) {
                    add_gradient(pending[edge.node.get()], gradients[i]);
                } else {
                    add_to_leaf(edge.leaf, gradients[i]);
                }
            }
        }
        node.reset();
    }
}

GradientMemory::GradientMemory(const Tensor& input) : wanted_(recording && input.requires_grad()) {
    if (!wanted_) return;
    shape_ = input.shape();
    dtype_ = input.dtype();
    backend_ = &input.backend();
    if (TensorAccess::state(input).node == nullptr) leaf_ = input;
}

Tensor GradientMemory::take() const {
    if (leaf_.defined()) {
        TensorState& state = TensorAccess::state(leaf_);
        if (std::exchange(state.grad_is_zero, false)) return state.grad;
    }
    return Tensor::empty(shape_, dtype_, *backend_);
}

Tensor in_place_of(const Tensor& dy) {
    return TensorAccess::is_only_handle(dy) ? dy : Tensor::empty_like(dy);
}

const Tensor& Saved::get() const {
    if (!tensor_.defined()) return tensor_;
    check(tensor_.version() == version_,
          "backward: a tensor {} saved for backward was changed in between (version {}, saved at {})", tensor_,
          tensor_.version(), version_);
    return tensor_;
}

NoGrad::NoGrad() : before_(std::exchange(recording, false)) {}
NoGrad::~NoGrad() {
    recording = before_;
}

bool gradients_enabled() {
    return recording;
}

}  // namespace moco
