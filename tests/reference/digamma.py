# The coefficients of digamma in autodiff/kernels/special.cpp: digamma(x) / (x - root) on [1, 2] by powers of 2x - 3.
import mpmath as mp
mp.mp.dps = 50
root = mp.findroot(mp.digamma, 1.46)
N = 24
g = lambda t: (lambda x: mp.digamma(x) / (x - root) if abs(x - root) > 1e-20 else mp.polygamma(1, root))((t + 3) / 2)
nodes = [mp.cos(mp.pi * (k + mp.mpf(1) / 2) / N) for k in range(N)]
values = [g(t) for t in nodes]
cheb = [2 * sum(v * mp.cos(mp.pi * j * (k + mp.mpf(1) / 2) / N) for k, v in enumerate(values)) / N for j in range(N)]
cheb[0] /= 2
# to powers
T = [[mp.mpf(1)], [mp.mpf(0), mp.mpf(1)]]
for j in range(2, N):
    a = [mp.mpf(0)] + [2 * c for c in T[-1]]
    for i, c in enumerate(T[-2]): a[i] -= c
    T.append(a)
power = [sum(cheb[j] * T[j][i] for j in range(N) if i < len(T[j])) for i in range(N)]
hi = mp.mpf(float(root)); lo = float(root - hi)
print("root", float(root).hex(), lo.hex())
print(", ".join(mp.nstr(c, 20) for c in power))
print("last", mp.nstr(cheb[-3:], 5))
