// What the tests read of other projects and no part is built from: charts. Nothing here is built.
module kept/parts/data

go 1.24

require github.com/loft-sh/vcluster v0.36.1
