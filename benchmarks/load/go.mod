module counterfoil/benchmarks/load

go 1.24
