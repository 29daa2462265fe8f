// What the tests read of other projects: their CRDs and charts. Nothing here is built.
module kept/parts/data

go 1.24

require (
	github.com/argoproj/argo-cd/v3 v3.5.7
	github.com/loft-sh/vcluster v0.36.1
)
