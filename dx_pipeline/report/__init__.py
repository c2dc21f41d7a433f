"""The report of a release: what people look at, made from its public database alone.

    report/index.html, report/en.html        the front pages; kpi/, unit/, system/ and en/ below them
    report/data/, report/en/data/            the tables of the pages, as CSV and Excel
    report/kpi.xlsx                          the release as one workbook
    report/bao-cao.pdf, report/report.pdf    the pages of the province, to sign and to file

A page is a title and blocks (`page`), in both languages, with plain values in its tables; `html`, `download` and
`document` write it. The same release gives the same bytes.
"""
