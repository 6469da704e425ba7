#include "assembler.hpp"

#if defined(__x86_64__) && defined(__AVX2__) && defined(__FMA__)
#define AUTODIFF_ASSEMBLER 1
#endif

#ifdef AUTODIFF_ASSEMBLER

#include <xbyak/xbyak.h>
#include <algorithm>
#include <array>
#include <cassert>
#include <new>
#include <type_traits>

#include "registers.hpp"

#endif

namespace autodiff::kernels {

#ifdef AUTODIFF_ASSEMBLER

namespace {

using Code = Formula::Code;
using Instruction = RegisterCode::Instruction;
using Kind = Instruction::Kind;

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
constexpr bool masks = true;  // registers of 64 bytes, and masks
#else
constexpr bool masks = false;
#endif
constexpr int bytes = masks ? 64 : 32;           // of a register
constexpr unsigned registers = masks ? 32 : 14;  // for values; of 16, one is for the mask and one for a moment
constexpr unsigned registers_of_one = 14;        // where loops take one element, without masks
// Of what is written, so many bytes: it may have to be taken from another processor's cache, which has read it. Reading
// it brings it near, but not to write.
constexpr int ahead = 1024;

/// Before its end there are masks that take all lanes, behind it those that take none.
alignas(64) constexpr auto lanes_taken = [] {
  std::array<std::uint8_t, 64> taken{};
  std::fill_n(taken.begin(), 32, std::uint8_t{0xff});
  return taken;
}();

}  // namespace

template <class T>
class Assembler<T>::Generator : public Xbyak::CodeGenerator {
 public:
  Generator() : CodeGenerator(4096, Xbyak::AutoGrow) {}

  std::size_t append(const Formula& formula, std::size_t elements) try {
    align(16);
    const std::size_t begin = getSize();
    one_ = elements == 1;
    looks_ahead_ = elements == 0;
    const auto code = allocate_registers(formula, one_ ? registers_of_one : registers);
    list_pointers(code);
    enter(code.slots);
    emit(code.before, false);
    if (one_) {
      assert(code.after.empty());
      emit(code.body, false);
    } else {
      xor_(eax, eax);
      if (elements == 0 || elements >= lanes) {
        Xbyak::Label again, none;
        mov(r8, rsi);
        and_(r8, -bytes);
        jz(none, T_NEAR);
        align(16);
        L(again);
        emit(code.body, false);
        this->add(rax, bytes);
        cmp(rax, r8);
        jb(again, T_NEAR);
        L(none);
      }
      if (elements == 0 || elements % lanes != 0) {
        Xbyak::Label none;
        sub(rsi, rax);
        jz(none, T_NEAR);
        make_mask();
        emit(code.body, true);
        L(none);
      }
      emit(code.after, false);
    }
    leave_function();
    return begin;
  } catch (const Xbyak::Error&) {  // there is one reason: no memory
    throw std::bad_alloc();
  }
  bool finish() {
    try {
      readyRE();
      return true;
    } catch (const Xbyak::Error&) {
      return false;
    }
  }
  std::size_t address() const { return reinterpret_cast<std::size_t>(getCode()); }

  static constexpr std::size_t lanes = bytes / sizeof(T);

 private:
  static constexpr bool single_precision = std::is_same_v<T, float>;

  // As the caller leaves them: rdi numbers, rdx arrays, r8 the number of elements. Then rax is how far the loop has
  // come, and rsi where it ends, in bytes; r8 where whole registers end; rcx is for a moment.
  void enter(std::uint32_t slots) {
    mov(rsi, r8);
    shl(rsi, single_precision ? 2 : 3);
    for (std::size_t i = free_to_use; i < pointers_.size(); ++i) push(Xbyak::Reg64(pointer_registers[i]));
    if (slots > 0) {
      push(rbp);
      mov(rbp, rsp);
      sub(rsp, int(slots) * bytes);
      and_(rsp, -bytes);
    }
    for (std::size_t i = 0; i < pointers_.size(); ++i)
      mov(Xbyak::Reg64(pointer_registers[i]), ptr[rdx + 8 * int(pointers_[i])]);
    slots_ = slots;
  }
  void leave_function() {
    if (slots_ > 0) {
      mov(rsp, rbp);
      pop(rbp);
    }
    for (std::size_t i = pointers_.size(); i-- > free_to_use;) pop(Xbyak::Reg64(pointer_registers[i]));
    vzeroupper();
    ret();
  }

  /// The arrays that are walked get registers for their pointers, as long as there are any.
  void list_pointers(const RegisterCode& code) {
    pointers_.clear();
    for (const auto& instruction : code.body)
      if ((instruction.kind == Kind::load || instruction.kind == Kind::store) &&
          std::ranges::find(pointers_, instruction.at) == pointers_.end() &&
          pointers_.size() < std::size(pointer_registers))
        pointers_.push_back(instruction.at);
  }
  Xbyak::Reg64 pointer(std::uint32_t array) {
    const auto found = std::ranges::find(pointers_, array);
    if (found != pointers_.end()) return Xbyak::Reg64(pointer_registers[found - pointers_.begin()]);
    mov(rcx, ptr[rdx + 8 * int(array)]);
    return rcx;
  }

  /// Of the lanes that are left, in rsi bytes.
  void make_mask() {
    if constexpr (masks) {
      shr(rsi, single_precision ? 2 : 3);
      mov(ecx, -1);
      bzhi(ecx, ecx, esi);
      kmovw(k1, ecx);
    } else {
      mov(rcx, reinterpret_cast<std::size_t>(lanes_taken.data() + 32));
      sub(rcx, rsi);
      vmovups(mask(), ptr[rcx]);
    }
  }

  Xbyak::Xmm reg(unsigned number) const {
    const int r = int(number);
    if (one_) return Xbyak::Xmm(r);
    if constexpr (masks)
      return Xbyak::Zmm(r);
    else
      return Xbyak::Ymm(r);
  }
  Xbyak::Xmm moment() const { return reg(14); }
  Xbyak::Xmm mask() const { return reg(15); }

  void repeat(const Xbyak::Xmm& to, const Xbyak::Address& from) {
    if constexpr (single_precision)
      vbroadcastss(to, from);
    else if (one_)
      vmovddup(to, from);
    else if constexpr (masks)
      vbroadcastsd(Xbyak::Zmm(to.getIdx()), from);
    else
      vbroadcastsd(Xbyak::Ymm(to.getIdx()), from);
  }

  void emit(const std::vector<Instruction>& code, bool part) {
    for (const auto& instruction : code) emit(instruction, part);
  }

  void emit(const Instruction& made, bool part) {
    const auto to = reg(made.to);
    switch (made.kind) {
      case Kind::compute:
        return compute(made.code, to, made.x);
      case Kind::load:
        return one_ ? repeat(to, ptr[pointer(made.at)]) : load(to, ptr[pointer(made.at) + rax], part);
      case Kind::store:
        if (one_) return store_one(ptr[pointer(made.at)], to);
        if (looks_ahead_ && !part) prefetchw(ptr[pointer(made.at) + rax + ahead]);
        return store(ptr[pointer(made.at) + rax], to, part);
      case Kind::broadcast:
        return repeat(to, ptr[pointer(made.at)]);
      case Kind::number:
        return repeat(to, ptr[rdi + int(made.at * sizeof(T))]);
      case Kind::keep:
        return vmovups(ptr[rsp + int(made.at) * bytes], to);
      case Kind::fetch:
        return vmovups(to, ptr[rsp + int(made.at) * bytes]);
      case Kind::zero:
        return vxorps(to, to, to);
      case Kind::total:
        return add_to(to, reg(made.x[0]), part);
      case Kind::put:
        return vmovups(ptr[pointer(made.at)], to);
    }
  }

  void add_to(const Xbyak::Xmm& total, const Xbyak::Xmm& x, bool part) {
    if (!part) {
      single_precision ? vaddps(total, total, x) : vaddpd(total, total, x);
    } else if constexpr (masks) {
      single_precision ? vaddps(total | k1, total, x) : vaddpd(total | k1, total, x);
    } else {
      vandps(moment(), x, mask());
      single_precision ? vaddps(total, total, moment()) : vaddpd(total, total, moment());
    }
  }

  // Of a part, all other lanes repeat the first one, so that none meets a value that is not in the data.
  void load(const Xbyak::Xmm& to, const Xbyak::Address& from, bool part) {
    if (!part) {
      vmovups(to, from);
    } else if constexpr (masks) {
      repeat(to, from);
      single_precision ? vmovups(to | k1, from) : vmovupd(to | k1, from);
    } else {
      repeat(moment(), from);
      single_precision ? vmaskmovps(to, mask(), from) : vmaskmovpd(to, mask(), from);
      vblendvps(to, moment(), to, mask());
    }
  }
  void store(const Xbyak::Address& to, const Xbyak::Xmm& from, bool part) {
    if (!part)
      vmovups(to, from);
    else if constexpr (masks)
      single_precision ? vmovups(to | k1, from) : vmovupd(to | k1, from);
    else
      single_precision ? vmaskmovps(to, mask(), from) : vmaskmovpd(to, mask(), from);
  }
  void store_one(const Xbyak::Address& to, const Xbyak::Xmm& from) {
    single_precision ? vmovss(to, from) : vmovsd(to, from);
  }

  void compute(Code code, const Xbyak::Xmm& to, const std::uint8_t* x) {
    const auto a = reg(x[0]), b = reg(x[1]);
    switch (code) {
      case Code::add:
        return single_precision ? vaddps(to, a, b) : vaddpd(to, a, b);
      case Code::subtract:
        return single_precision ? vsubps(to, a, b) : vsubpd(to, a, b);
      case Code::multiply:
        return single_precision ? vmulps(to, a, b) : vmulpd(to, a, b);
      case Code::divide:
        return single_precision ? vdivps(to, a, b) : vdivpd(to, a, b);
      case Code::square_root:
        return single_precision ? vsqrtps(to, a) : vsqrtpd(to, a);
      case Code::absolute:
        mov(rcx, reinterpret_cast<std::size_t>(all_but_sign.data()));
        return single_precision ? vandps(to, a, ptr[rcx]) : vandpd(to, a, ptr[rcx]);
      case Code::negate:
        mov(rcx, reinterpret_cast<std::size_t>(sign.data()));
        return single_precision ? vxorps(to, a, ptr[rcx]) : vxorpd(to, a, ptr[rcx]);
      case Code::round:
        return round(to, a, 0);
      case Code::floor:
        return round(to, a, 1);
      case Code::ceil:
        return round(to, a, 2);
      case Code::trunc:
        return round(to, a, 3);
      case Code::less:
        return choose(to, x, 0x11);  // as the manual of the processor numbers comparisons that no NaN fulfils
      case Code::less_equal:
        return choose(to, x, 0x12);
      case Code::equal:
        return choose(to, x, 0);
      case Code::multiply_add:
      case Code::multiply_subtract:
      case Code::negated_multiply_add:
        return multiply_add(code, to, x);
      case Code::load:
      case Code::number:
      case Code::store:
      case Code::total:
        assert(false);  // are no computations
    }
  }

  void round(const Xbyak::Xmm& to, const Xbyak::Xmm& a, std::uint8_t how) {
    how |= 8;  // without a word about what is not exact
    if (masks && !one_)
      single_precision ? vrndscaleps(to, a, how) : vrndscalepd(to, a, how);
    else
      single_precision ? vroundps(to, a, how) : vroundpd(to, a, how);
  }

  void choose(const Xbyak::Xmm& to, const std::uint8_t* x, std::uint8_t comparison) {
    const auto a = reg(x[0]), b = reg(x[1]), yes = reg(x[2]), no = reg(x[3]);
    if (masks && !one_) {
      single_precision ? vcmpps(k2, a, b, comparison) : vcmppd(k2, a, b, comparison);
      single_precision ? vblendmps(to | k2, no, yes) : vblendmpd(to | k2, no, yes);
    } else {
      single_precision ? vcmpps(moment(), a, b, comparison) : vcmppd(moment(), a, b, comparison);
      single_precision ? vblendvps(to, no, yes, moment()) : vblendvpd(to, no, yes, moment());
    }
  }

  /// The instructions write over one of the three; which one that is makes three forms of each.
  void multiply_add(Code code, const Xbyak::Xmm& to, const std::uint8_t* x) {
    const auto a = reg(x[0]), b = reg(x[1]), c = reg(x[2]);
    const auto form = [&](auto over_product, auto over_sum) {
      if (to.getIdx() == a.getIdx()) return (this->*over_product)(to, b, c);
      if (to.getIdx() == b.getIdx()) return (this->*over_product)(to, a, c);
      if (to.getIdx() != c.getIdx()) vmovaps(to, c);
      (this->*over_sum)(to, a, b);
    };
    using G = Xbyak::CodeGenerator;
    if (code == Code::multiply_add)
      single_precision ? form(&G::vfmadd213ps, &G::vfmadd231ps) : form(&G::vfmadd213pd, &G::vfmadd231pd);
    else if (code == Code::multiply_subtract)
      single_precision ? form(&G::vfmsub213ps, &G::vfmsub231ps) : form(&G::vfmsub213pd, &G::vfmsub231pd);
    else
      single_precision ? form(&G::vfnmadd213ps, &G::vfnmadd231ps) : form(&G::vfnmadd213pd, &G::vfnmadd231pd);
  }

  using Bits = std::conditional_t<single_precision, std::uint32_t, std::uint64_t>;
  static constexpr Bits sign_bit = Bits{1} << (8 * sizeof(T) - 1);
  static constexpr auto repeated(Bits one) {
    std::array<Bits, 64 / sizeof(T)> all{};
    all.fill(one);
    return all;
  }
  alignas(64) static constexpr auto sign = repeated(sign_bit);
  alignas(64) static constexpr auto all_but_sign = repeated(static_cast<Bits>(~sign_bit));
  // Of the processor, in the order in which they are used; those behind the first few belong to the caller.
  static constexpr int pointer_registers[] = {Xbyak::Operand::R9,  Xbyak::Operand::R10, Xbyak::Operand::R11,
                                              Xbyak::Operand::RBX, Xbyak::Operand::R12, Xbyak::Operand::R13,
                                              Xbyak::Operand::R14, Xbyak::Operand::R15};
  static constexpr std::size_t free_to_use = 3;

  bool one_ = false;
  bool looks_ahead_ = false;
  std::uint32_t slots_ = 0;
  std::vector<std::uint32_t> pointers_;  // arrays
};

#else

template <class T>
class Assembler<T>::Generator {
 public:
  static constexpr std::size_t lanes = 0;
  std::size_t append(const Formula&, std::size_t) { return 0; }
  bool finish() { return false; }
  std::size_t address() const { return 0; }
};

#endif

template <class T>
bool Assembler<T>::works() {
  static const bool may_execute = [] {
    Assembler code;
    Formula copy;
    copy.single = {false, false};
    copy.store(copy.load(0), 1);
    const auto begin = code.add(copy, 0);
    if (!code.finish()) return false;
    const T from = 7;
    T to = 0;
    const T* const arrays[] = {&from, &to};
    code.loop(begin)(nullptr, &to, arrays, 0, 1);
    return to == from;
  }();
  return may_execute;
}

template <class T>
std::size_t Assembler<T>::lanes() {
  return Generator::lanes;
}
template <class T>
Assembler<T>::Assembler() : generator_(std::make_unique<Generator>()) {}
template <class T>
Assembler<T>::~Assembler() = default;
template <class T>
std::size_t Assembler<T>::add(const Formula& formula, std::size_t elements) {
  return generator_->append(formula, elements);
}
template <class T>
bool Assembler<T>::finish() {
  return generator_->finish();
}
template <class T>
Block<T> Assembler<T>::loop(std::size_t begin) const {
  return reinterpret_cast<Block<T>>(generator_->address() + begin);
}

template class Assembler<float>;
template class Assembler<double>;

}  // namespace autodiff::kernels
