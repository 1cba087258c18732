from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts.views import auth

urlpatterns = [
    path("", auth.home, name="home"),
    path("login/", auth.LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
