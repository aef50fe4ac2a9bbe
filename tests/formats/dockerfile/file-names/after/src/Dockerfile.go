package dockerfile

const text = `
FROM evil:1
`
