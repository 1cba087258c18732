"""The admin's colours: the accent of static/css/tokens.css, lighter and darker."""

ADMIN_COLORS = {
    "primary": {
        "50": "#eef7f8",
        "100": "#d5ebef",
        "200": "#aedae1",
        "300": "#83c9d6",
        "400": "#4fa3b3",
        "500": "#2b8396",
        "600": "#0d5f74",
        "700": "#094a5b",
        "800": "#083f4d",
        "900": "#083843",
        "950": "#05232b",
    }
}
