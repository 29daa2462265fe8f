// The External Secrets Operator, built from a copy of its module with overlay/ laid over it.
module kept/parts/eso

go 1.25.1

require github.com/external-secrets/external-secrets v0.20.4
