// Pickles that want what no file of weights needs, and damaged ones: refused by name and byte, with bounded memory.
#include "moco/interchange/pickle.h"

#include <gtest/gtest.h>

#include "moco/interchange/pickle_names.h"
#include "tests/support/expect_error.h"

namespace moco::testing {
namespace {

using namespace std::string_literals;

UnpickledPart read(const std::string& bytes) {
    return unpickle({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "x.pth");
}

void expect_refused(const std::string& bytes, std::initializer_list<std::string> parts) {
    expect_error([&] { read(bytes); }, parts);
}

/// "X", a length in four bytes, the text.
std::string text(const std::string& s) {
    const auto n = static_cast<uint32_t>(s.size());
    return "X"s + std::string(reinterpret_cast<const char*>(&n), 4) + s;
}

TEST(Pickle, NamesThatAreNotOnTheListAreRefusedByNameAndByte) {
    expect_refused("\x80\x02"s + "cos\nsystem\n(" + text("echo") + "tR.", {"x.pth", "os.system", "byte 2 "});
    expect_refused("\x80\x02"s + "cposix\nsystem\n.", {"posix.system"});
    expect_refused("\x80\x02N0"s + "cbuiltins\neval\n.", {"builtins.eval", "byte 4 "});
    expect_refused("\x80\x02"s + "c__builtin__\neval\n.", {"__builtin__.eval"});
    expect_refused("\x80\x02"s + "cbuiltins\ngetattr\n.", {"builtins.getattr"});
    expect_refused("\x80\x02"s + "ctorch\nload\n.", {"torch.load"});
    expect_refused("\x80\x02"s + "ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", {"__globals__"});
    expect_refused("\x80\x04\x8c\x02os\x8c\x06system\x93."s, {"os.system", "byte 14 "});
    expect_refused("\x80\x02"s + "c" + std::string(100'000, 'a') + "\nb\n.", {"name of 100002 bytes"});
}

TEST(Pickle, OpcodesThatAreNotOnTheListAreRefusedByByte) {
    const std::string known = "(.012FIJKLMNQRTUXabcehjld])}qrstuGBC";
    for (int opcode = 0; opcode < 256; ++opcode) {
        const bool listed =
            opcode < 0x80 ? opcode != 0 && known.find(static_cast<char>(opcode)) != std::string::npos
                          : opcode <= 0x96 && opcode != 0x82 && opcode != 0x83 && opcode != 0x84 && opcode != 0x92;
        const std::string message = message_of([&] { read("N"s + static_cast<char>(opcode)); });
        EXPECT_EQ(message.find("is not among those") == std::string::npos, listed) << opcode << ": " << message;
        if (listed) continue;
        EXPECT_EQ(message.find("x.pth: "), 0u) << message;
        EXPECT_NE(message.find("(byte 1 of its pickle)"), std::string::npos) << message;
    }
}

TEST(Pickle, NothingIsCalledThatIsNoName) {
    expect_refused("N)R."s, {"calls what is no name"});
    expect_refused("ccollections\nOrderedDict\n)R)R."s, {"calls what is no name"});
    expect_refused("cargparse\nNamespace\n)\x81)R."s, {"calls what is no name"});
    expect_refused("ctorch\nFloatStorage\n)R."s, {"calls a type of storage"});
    expect_refused("ctorch._utils\n_rebuild_tensor_v2\n)\x81."s, {"new torch._utils _rebuild_tensor_v2"});
    expect_refused("K\x01}b."s, {"a state to what can have none"});
    expect_refused(text("anything") + "Q.", {"outside that is no storage"});
}

TEST(Pickle, DamageIsRefused) {
    expect_refused("", {"truncated"});
    expect_refused("N", {"truncated"});
    expect_refused(".", {"empty stack"});
    expect_refused("(K\x01N0000.", {"empty stack"});
    expect_refused("t.", {"mark that is not there"});
    expect_refused("h\x05."s, {"value 5 of its memo"});
    expect_refused("\x80\x09N."s, {"protocol 9"});
    expect_refused("}K\x01N"s + "aN.", {"no list"});
    expect_refused("](K\x01K\x02u."s, {"no dictionary"});
    expect_refused("}(K\x01u."s, {"key without a value"});
    expect_refused("\x8b\xff\xff\xff\xff."s, {"-1 bytes"});
    expect_refused("T\xff\xff\xff\xff."s, {"-1 bytes"});
    expect_refused("X\xff\xff\xff\x7f."s, {"2147483647 bytes should follow"});
    expect_refused("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."s, {"bytes should follow"});
    expect_refused("Iabc\n.", {"'abc' is no whole number"});
}

/// A tensor over a storage of `count` floats, as torch.save writes it.
std::string tensor(int count, const std::string& offset, const std::string& shape, const std::string& strides) {
    return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text("0") +
           text("cpu") + "K" + static_cast<char>(count) + "tQ" + offset + shape + strides + "\x89)tR.";
}

TEST(Pickle, TensorsStayWithinTheirStorage) {
    EXPECT_EQ(read(tensor(6, "K\x00"s, "K\x02K\x03\x86", "K\x03K\x01\x86")).graph.tensors.size(), 1u);
    expect_refused(tensor(6, "K\x01", "K\x02K\x03\x86", "K\x03K\x01\x86"), {"2x3 from element 1", "6 elements"});
    expect_refused(tensor(6, "J\xff\xff\xff\xff", "K\x02\x85", "K\x01\x85"), {"from element -1"});
    expect_refused(tensor(6, "K\x00"s, "J\xfe\xff\xff\xff\x85", "K\x01\x85"), {"-2 where a whole number"});
    expect_refused(tensor(6, "K\x00"s, "K\x02\x85", "J\xff\xff\xff\xff\x85"), {"-1 where a whole number"});
    expect_refused(tensor(6, "K\x00"s, "K\x02\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85"s), {"6 elements"});
    expect_refused(tensor(6, "K\x00"s, "K\x02K\x03\x86", "K\x01\x85"), {"2 extents and 1 strides"});
    const std::string billion = "J\x00\xca\x9a\x3b\x85"s;
    expect_refused(tensor(6, "K\x00"s, billion, "K\x00\x85"s), {"1000000000", "no file of weights"});
}

TEST(Pickle, LittleBytesDoNotBecomeMuchMemory) {
    // A tuple that holds itself eight times, and again: a billion elements to whoever walks it.
    std::string nested = ")";
    for (char level = 1; level < 12; ++level)
        nested += "q"s + level + "0(" + [&] {
            std::string eight;
            for (int i = 0; i < 8; ++i) eight += "h"s + level;
            return eight;
        }() + "t";
    const UnpickledPart part = read(nested + ".");
    EXPECT_LT(part.graph.values.size(), 20u);
    expect_error([&] { contents_of(part.graph, "x.pth"); }, {"x.pth", "no file of weights"});
    // A list within itself.
    const UnpickledPart loop = read("]q\x01h\x01"s + "a.");
    expect_error([&] { contents_of(loop.graph, "x.pth"); }, {"x.pth", "25 deep"});
    // A hundred thousand lists, each in the one before.
    EXPECT_EQ(read(std::string(100'000, ']') + std::string(99'999, 'a') + ".").graph.values.size(), 100'000u);
    // One text made bytes again and again; one list of pairs made dictionaries.
    std::string again = text(std::string(1000, 'a')) + "q\x01" + "c_codecs\nencode\nq\x02";
    for (int i = 0; i < 1000; ++i) again += "h\x02h\x01\x85R"s;
    expect_refused(again + ".", {"makes more of its"});
    std::string pairs = "](" + [] {
        std::string all;
        for (int i = 0; i < 1000; ++i) all += "NN\x86";
        return all;
    }() + "eq\x01" + "ccollections\nOrderedDict\nq\x02";
    for (int i = 0; i < 1000; ++i) pairs += "h\x02h\x01\x85R"s;
    expect_refused(pairs + ".", {"makes more of its"});
    // A memo with far numbers.
    EXPECT_EQ(read("Nr\xff\xff\xff\xffj\xff\xff\xff\xff."s).graph.values.size(), 1u);
}

}  // namespace
}  // namespace moco::testing
