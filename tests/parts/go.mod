module kept/parts

go 1.24
