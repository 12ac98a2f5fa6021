"""What people see, a file for each page."""

from fastapi import APIRouter

from dashboard.pages import act, costs, health, login, review, run, search, shot, today

router = APIRouter()
for page in (login, today, run, shot, review, search, costs, health, act):
    router.include_router(page.router)
