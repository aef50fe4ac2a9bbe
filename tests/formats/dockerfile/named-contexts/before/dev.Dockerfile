FROM python:3.13
FROM node:22
FROM node:20
