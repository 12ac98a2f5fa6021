"""What people see, a file for each page."""

from fastapi import APIRouter

from dashboard.pages import act, login, run, shot, today

router = APIRouter()
for page in (login, today, run, shot, act):
    router.include_router(page.router)
